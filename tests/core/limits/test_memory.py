"""The limiter in memory stays small, whatever comes."""

import sys

import pytest

from smartops.limits import GROUPS, MemoryLimiter, Window
from smartops.testing import ManualClock

pytestmark = pytest.mark.anyio

USER, TEAM = Window("user", 10, 60), Window("team", 100_000, 60)


async def test_a_flood_of_senders_is_forgotten(clock: ManualClock) -> None:
    limiter = MemoryLimiter(clock, max_keys=1000)
    for number in range(20_000):
        await limiter.take([(USER, f"sender-{number}")])
        assert len(limiter) <= 1000
    assert len(limiter) >= 500


async def test_a_flood_does_not_wipe_out_the_count_of_the_team(clock: ManualClock) -> None:
    limiter, team = MemoryLimiter(clock, max_keys=100), Window("team", 1000, 60)
    allowed = 0
    for number in range(5000):
        allowed += (await limiter.take([(USER, f"sender-{number}"), (team, "ops")])).allowed
    assert allowed == 1000


async def test_one_among_many_is_remembered(clock: ManualClock) -> None:
    limiter = MemoryLimiter(clock, max_keys=1000)
    for _ in range(10):
        await limiter.take([(USER, "alice")])
    for number in range(499):
        await limiter.take([(USER, f"sender-{number}")])
    assert not (await limiter.take([(USER, "alice")])).allowed


async def test_a_key_is_small_however_high_its_limit(clock: ManualClock) -> None:
    limiter = MemoryLimiter(clock)
    for _ in range(20_000):
        assert (await limiter.take([(TEAM, "ops")])).allowed
        clock.advance(0.01)
    (counter,) = limiter._recent.values()
    assert len(counter.leaves) == len(counter.counts) <= GROUPS + 2
    assert sys.getsizeof(counter.leaves) + sys.getsizeof(counter.counts) < 1000
    assert counter.total == sum(counter.counts)


async def test_it_is_never_away(clock: ManualClock) -> None:
    limiter = MemoryLimiter(clock)
    await limiter.ping()
    await limiter.aclose()
    assert not limiter.degraded

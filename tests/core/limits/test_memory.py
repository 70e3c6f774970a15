"""The memory of the limiter in memory is bounded."""

import sys

import pytest

from smartops.limits import GROUPS, MemoryLimiter, Window
from smartops.testing import ManualClock

pytestmark = pytest.mark.anyio

USER, TEAM = Window("user", 10, 60), Window("team", 100_000, 60)


async def test_the_number_of_keys_is_bounded(clock: ManualClock) -> None:
    limiter = MemoryLimiter(clock, max_keys=1000)
    for number in range(20_000):
        await limiter.take([(USER, f"sender-{number}")])
        assert len(limiter) <= 1000
    assert len(limiter) >= 500


async def test_a_flood_of_keys_does_not_reset_the_team_limit(clock: ManualClock) -> None:
    limiter, team = MemoryLimiter(clock, max_keys=100), Window("team", 1000, 60)
    allowed = 0
    for number in range(5000):
        allowed += (await limiter.take([(USER, f"sender-{number}"), (team, "ops")])).allowed
    assert allowed == 1000


async def test_the_size_of_a_key_does_not_grow_with_its_limit(clock: ManualClock) -> None:
    limiter = MemoryLimiter(clock)
    for _ in range(20_000):
        assert (await limiter.take([(TEAM, "ops")])).allowed
        clock.advance(0.01)
    (counter,) = limiter._recent.values()
    assert len(counter.leaves) == len(counter.counts) <= GROUPS + 2
    assert sys.getsizeof(counter.leaves) + sys.getsizeof(counter.counts) < 1000
    assert counter.total == sum(counter.counts)

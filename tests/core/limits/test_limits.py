"""The behaviour of all limiters, in memory and on a real server."""

import math
from collections import defaultdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smartops.limits import GROUPS, Limiter, MemoryLimiter, Window
from smartops.reply import Quota
from smartops.testing import ManualClock

pytestmark = pytest.mark.anyio

USER, TEAM, BURST = Window("user", 10, 60), Window("team", 100, 60), Window("burst", 20, 10)


def asked(user: str, team: str = "ops") -> list[tuple[Window, str]]:
    return [(USER, user), (TEAM, team), (BURST, team)]


async def take(limiter: Limiter, times: int, user: str = "alice") -> int:
    """Return how many of ``times`` requests were allowed."""
    return sum([(await limiter.take(asked(user))).allowed for _ in range(times)])


async def test_the_quota_counts_down_and_has_the_reset_time(
    limiter: Limiter, clock: ManualClock
) -> None:
    start = int(clock.time())
    quotas = []
    for _ in range(10):
        verdict = await limiter.take(asked("alice"))
        assert verdict.allowed
        quotas.append(verdict.quota)
        clock.advance(1)
    assert quotas == [Quota(10, 9 - n, start + 60) for n in range(10)]
    refused = await limiter.take(asked("alice"))
    assert refused == (False, Quota(10, 0, start + 60, retry_after=50), USER)


async def test_a_retry_after_retry_after_is_allowed(limiter: Limiter, clock: ManualClock) -> None:
    clock.advance(0.3)
    for _ in range(5):
        assert await take(limiter, 99) == 10
        verdict = await limiter.take(asked("alice"))
        assert 1 <= verdict.quota.retry_after <= 60
        assert verdict.quota.reset == math.ceil(clock.time() + 60)
        clock.advance(verdict.quota.retry_after)


async def test_a_limited_user_does_not_use_the_team_quota(
    limiter: Limiter, clock: ManualClock
) -> None:
    big = Window("burst", 1000, 10)

    async def tries(user: str, times: int) -> int:
        checks = [(USER, user), (TEAM, "ops"), (big, "ops")]
        return sum([(await limiter.take(checks)).allowed for _ in range(times)])

    assert await tries("mallory", 500) == 10
    assert [await tries(f"user-{n}", 15) for n in range(9)] == [10] * 9
    assert await tries("late", 1) == 0


async def test_the_quota_is_that_of_the_window_closest_to_exhausted(limiter: Limiter) -> None:
    assert (await limiter.take(asked("alice"))).window is USER
    assert await take(limiter, 6, "bea") + await take(limiter, 6, "cid") == 12
    verdict = await limiter.take(asked("dora"))
    assert (verdict.window, verdict.quota.remaining) == (BURST, 6)
    assert await take(limiter, 99, "dora") == 6
    refused = await limiter.take(asked("eve"))
    assert (refused.allowed, refused.window, refused.quota.retry_after) == (False, BURST, 10)


async def test_the_longest_retry_after_is_reported(limiter: Limiter) -> None:
    assert await take(limiter, 99, "alice") == 10
    assert await take(limiter, 99, "bea") == 10
    both = await limiter.take(asked("alice"))
    assert (both.window, both.quota.retry_after) == (USER, 60)


async def test_keys_and_windows_are_independent(limiter: Limiter) -> None:
    assert (await limiter.take([(Window("a", 1, 60), "b:c")])).allowed
    assert (await limiter.take([(Window("b", 1, 60), "b:c")])).allowed
    assert (await limiter.take([(Window("a", 1, 60), "c")])).allowed
    assert (await limiter.take([(Window("a", 1, 60), "Ünï \0 key {x}")])).allowed
    assert not (await limiter.take([(Window("a", 1, 60), "b:c")])).allowed


@pytest.mark.parametrize("limit", [10, 100])
async def test_a_clock_that_is_put_back_locks_no_person_out(
    limiter: Limiter, clock: ManualClock, limit: int
) -> None:
    window = Window("user", limit, 60)
    checks = [(window, "alice")]
    for _ in range(limit):
        assert (await limiter.take(checks)).allowed
    clock.advance(-3600)
    refused = await limiter.take(checks)
    assert (refused.allowed, refused.quota.retry_after) == (False, 60)
    clock.advance(61)
    assert (await limiter.take(checks)).allowed


async def test_a_window_with_a_limit_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="user"):
        Window("user", 0, 60)
    with pytest.raises(ValueError, match="user"):
        Window("user", 1, 0)


STEPS = st.lists(
    st.tuples(
        st.floats(0, 30) | st.sampled_from([0.0, 0.25, 10.0, 59.75, 60.0]),
        st.sampled_from(["alice", "bea"]),
        st.integers(1, 12),
    ),
    max_size=30,
)
WINDOWS = st.sampled_from(
    [
        (Window("user", 3, 60), Window("team", 5, 60), Window("burst", 2, 10)),
        (Window("user", GROUPS, 60), Window("team", 40, 60), Window("burst", 36, 10)),
        (Window("user", 70, 60), Window("team", 100, 60), Window("burst", 33, 1.5)),
        (Window("user", 200, 20), Window("team", 45, 100), Window("burst", 64, 10)),
    ]
)


class Exact:
    """An exact reference model: the time of every allowed request."""

    def __init__(self) -> None:
        self.times: dict[tuple[str, str], list[float]] = defaultdict(list)

    def most(self, window: Window, key: str, now: float, span: float) -> int:
        """Return how many were allowed in the ``span`` before now."""
        return sum(time + span > now for time in self.times[window.name, key])


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(windows=WINDOWS, steps=STEPS)
async def test_both_limiters_never_exceed_the_limit_and_rarely_undershoot(
    valkey: str, shared, monkeypatch, windows: tuple[Window, Window, Window], steps
) -> None:
    """Both limiters return the same verdicts, which comply with the reference model."""
    monkeypatch.setattr("smartops.limits.shared.TIMEOUT", 60)  # a slow machine is no failure
    clock, exact = ManualClock(), Exact()
    limiters = [MemoryLimiter(clock), shared()]
    limiters[1]._clock = clock
    run = f"{next(RUNS)}"
    for seconds, user, times in steps:
        clock.advance(seconds)
        checks = list(zip(windows, (f"{run}:{user}", run, run), strict=True))
        for _ in range(times):
            verdict, same = [await limiter.take(checks) for limiter in limiters]
            assert verdict == same
            now = clock.time()
            full = [exact.most(w, key, now, w.seconds) >= w.limit for w, key in checks]
            if any(full):
                assert not verdict.allowed
            if not verdict.allowed:
                late = [exact.most(w, key, now, w.seconds + w.step) >= w.limit for w, key in checks]
                assert any(late)
                assert 1 <= verdict.quota.retry_after <= math.ceil(verdict.window.seconds)
            else:
                for window, key in checks:
                    exact.times[window.name, key].append(now)


RUNS = iter(range(10**9))

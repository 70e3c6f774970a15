"""The rate limiter: calls wait for their turn, for a bounded time."""

from __future__ import annotations

import anyio
import pytest

from smartops import RateLimited
from smartops.testing import ManualClock
from smartops_aws.actions import COST, DATA, START, STOP
from smartops_aws.kit.limiter import Limiter

pytestmark = pytest.mark.anyio


async def spent(limiter: Limiter, calls: int) -> None:
    for _ in range(calls):
        await limiter.turn(COST)


async def test_a_burst_goes_through_and_what_comes_then_waits(clock: ManualClock) -> None:
    limiter = Limiter(clock, 10)
    await spent(limiter, 5)
    went: list[int] = []

    async def go(number: int) -> None:
        await limiter.turn(COST)
        went.append(number)

    async with anyio.create_task_group() as tasks:
        for number in range(3):
            tasks.start_soon(go, number)
            await anyio.wait_all_tasks_blocked()
        assert went == []
        for expected in ([0], [0, 1], [0, 1, 2]):
            clock.advance(1)
            await anyio.wait_all_tasks_blocked()
            assert went == expected


async def test_a_too_long_wait_is_refused_with_retry_after(clock: ManualClock) -> None:
    limiter = Limiter(clock, 0.5)
    await spent(limiter, 5)
    for _ in range(3):  # being refused takes nothing
        with pytest.raises(RateLimited) as refused:
            await limiter.turn(COST)
        assert refused.value.retry_after == 1
        assert "ce:GetCostAndUsage" in (refused.value.details or "")
    clock.advance(1)
    await limiter.turn(COST)


async def test_actions_do_not_take_from_one_another(clock: ManualClock) -> None:
    limiter = Limiter(clock, 0)
    await spent(limiter, 5)
    await limiter.turn(DATA)
    with pytest.raises(RateLimited):
        await limiter.turn(COST)


async def test_instances_are_counted_where_aws_counts_them(clock: ManualClock) -> None:
    limiter = Limiter(clock, 0)
    await limiter.turn(STOP, 990)
    await limiter.turn(START, 1000)
    await limiter.turn(STOP, 10)
    with pytest.raises(RateLimited) as refused:
        await limiter.turn(STOP, 100)
    assert refused.value.retry_after == 5  # 20 come back each second
    clock.advance(5)
    await limiter.turn(STOP, 100)


async def test_buckets_do_not_grow_beyond_their_size(clock: ManualClock) -> None:
    limiter = Limiter(clock, 0)
    clock.advance(3600)
    await spent(limiter, 5)
    with pytest.raises(RateLimited):
        await limiter.turn(COST)


async def test_a_clock_that_is_set_back_changes_no_bucket(clock: ManualClock) -> None:
    limiter = Limiter(clock, 0)
    await spent(limiter, 4)
    clock.advance(-3600)
    await spent(limiter, 1)
    with pytest.raises(RateLimited):
        await limiter.turn(COST)

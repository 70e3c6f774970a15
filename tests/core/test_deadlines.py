from contextvars import ContextVar

import anyio
import anyio.lowlevel
import pytest

from smartops.services import Clock
from smartops.testing import ManualClock

pytestmark = pytest.mark.anyio

WHO: ContextVar[str] = ContextVar("who", default="nobody")


async def test_the_clock_limits_what_takes_longer():
    clock = Clock()

    with pytest.raises(TimeoutError), clock.fail_after(0.02) as scope:
        await anyio.sleep(5)
    assert scope.cancel_called

    with clock.fail_after(0.02):
        await anyio.lowlevel.checkpoint()
    await anyio.sleep(0.05)


async def test_what_others_cancel_within_a_limit_has_not_timed_out():
    clock = Clock()

    with clock.fail_after(0.02) as scope:
        scope.cancel()
        await anyio.sleep(5)
    assert scope.cancelled_caught

    with anyio.CancelScope() as outer:
        with clock.fail_after(0.02):
            outer.cancel()
            await anyio.sleep(5)
    assert outer.cancelled_caught


async def test_limits_within_each_other_end_at_their_own_time():
    clock = Clock()

    with clock.fail_after(5):
        with pytest.raises(TimeoutError), clock.fail_after(0.02):
            await anyio.sleep(5)
        await anyio.sleep(0.01)

    with pytest.raises(TimeoutError), clock.fail_after(0.02), clock.fail_after(5):
        await anyio.sleep(5)


@pytest.fixture(params=[Clock, ManualClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    clock: Clock = request.param()
    return clock


async def passes(clock: Clock, seconds: float) -> None:
    if isinstance(clock, ManualClock):
        clock.advance(seconds)
    else:
        await anyio.sleep(seconds)


async def test_what_takes_longer_is_noticed_once_and_goes_on(clock: Clock) -> None:
    noticed: list[str] = []

    with clock.after(0.02, lambda: noticed.append(WHO.get())):
        with clock.after(5, lambda: noticed.append("early")):
            await passes(clock, 0.1)
        assert len(noticed) == 1
        await passes(clock, 0.1)

    assert len(noticed) == 1


async def test_what_is_done_in_time_is_not_noticed(clock: Clock) -> None:
    noticed: list[str] = []

    with clock.after(0.02, lambda: noticed.append("late")):
        await anyio.lowlevel.checkpoint()
    await passes(clock, 0.1)

    assert noticed == []


async def test_it_is_noticed_where_it_was_begun() -> None:
    clock = Clock()
    noticed: list[str] = []

    async def work(name: str) -> None:
        WHO.set(name)
        with clock.after(0.02, lambda: noticed.append(WHO.get())):
            await anyio.sleep(0.1)

    async with anyio.create_task_group() as group:
        for name in "abc":
            group.start_soon(work, name)

    assert noticed == ["a", "b", "c"]

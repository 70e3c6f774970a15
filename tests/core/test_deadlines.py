from contextvars import ContextVar

import anyio
import anyio.lowlevel
import pytest

from smartops.services import Clock
from smartops.testing import ManualClock

pytestmark = pytest.mark.anyio

WHO: ContextVar[str] = ContextVar("who", default="nobody")


@pytest.fixture(params=[Clock, ManualClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    clock: Clock = request.param()
    return clock


async def passes(clock: Clock, seconds: float) -> None:
    if isinstance(clock, ManualClock):
        clock.advance(seconds)
    else:
        await anyio.sleep(seconds)


async def test_a_timer_that_expires_calls_once_and_does_not_cancel(clock: Clock) -> None:
    called: list[str] = []

    with clock.after(0.02, lambda: called.append(WHO.get())):
        with clock.after(5, lambda: called.append("early")):
            await passes(clock, 0.1)
        assert len(called) == 1
        await passes(clock, 0.1)

    assert len(called) == 1


async def test_a_timer_is_cancelled_at_the_end_of_its_body(clock: Clock) -> None:
    called: list[str] = []

    with clock.after(0.02, lambda: called.append("late")):
        await anyio.lowlevel.checkpoint()
    await passes(clock, 0.1)

    assert called == []


async def test_a_timer_calls_in_the_context_that_began_it() -> None:
    clock = Clock()
    called: list[str] = []

    async def work(name: str) -> None:
        WHO.set(name)
        with clock.after(0.02, lambda: called.append(WHO.get())):
            await anyio.sleep(0.1)

    async with anyio.create_task_group() as group:
        for name in "abc":
            group.start_soon(work, name)

    assert called == ["a", "b", "c"]

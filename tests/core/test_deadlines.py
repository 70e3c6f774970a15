import asyncio

import anyio
import anyio.lowlevel
import pytest

from smartops.services import Clock, Deadlines

pytestmark = pytest.mark.anyio


async def test_what_has_not_ended_is_late_in_the_order_it_began():
    late: list[str] = []
    deadlines = Deadlines(0.05, late.append)

    for name in "abcde":
        deadlines.begin(name)
        await anyio.sleep(0.002)
    deadlines.end("a")
    deadlines.end("d")
    assert late == []
    await anyio.sleep(0.2)

    assert late == ["b", "c", "e"]


async def test_nothing_is_late_early():
    late: list[str] = []
    deadlines = Deadlines(0.1, late.append)

    deadlines.begin("a")
    await anyio.sleep(0.07)
    deadlines.end("a")
    deadlines.begin("b")
    await anyio.sleep(0.05)
    assert late == []
    await anyio.sleep(0.15)

    assert late == ["b"]


async def test_it_watches_again_after_a_rest():
    late: list[str] = []
    deadlines = Deadlines(0.01, late.append)

    for name in "ab":
        deadlines.begin(name)
        await anyio.sleep(0.05)

    assert late == ["a", "b"]


async def test_ending_what_never_began_or_is_late_is_nothing():
    late: list[str] = []
    deadlines = Deadlines(0.01, late.append)

    deadlines.end("a")
    deadlines.begin("b")
    await anyio.sleep(0.05)
    deadlines.end("b")

    assert late == ["b"]


async def test_it_watches_in_the_loop_it_is_used_in():
    late: list[str] = []
    deadlines = Deadlines(0.01, late.append)

    def elsewhere() -> None:
        async def begin() -> None:
            deadlines.begin("there")

        asyncio.run(begin())

    await anyio.to_thread.run_sync(elsewhere)
    deadlines.begin("here")
    await anyio.sleep(0.05)

    assert late == ["here"]


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


async def test_any_number_of_lengths_can_be_asked_for():
    clock = Clock()

    for number in range(100):
        with pytest.raises(TimeoutError), clock.fail_after(0.001 + number / 1e6):
            await anyio.sleep(5)

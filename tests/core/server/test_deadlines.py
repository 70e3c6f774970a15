import anyio
import pytest

from smartops.server.deadlines import Deadlines

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

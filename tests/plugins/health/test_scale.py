from __future__ import annotations

import anyio
import pytest

from smartops import Issues

pytestmark = pytest.mark.anyio


async def turns_until(stop: anyio.Event) -> int:
    """Return how often the event loop ran this task."""
    turns = 0
    while not stop.is_set():
        await anyio.lowlevel.checkpoint()
        turns += 1
    return turns


@pytest.mark.parametrize("hot", [range(40), range(10_000)], ids=len)
async def test_ten_thousand_instances_do_not_block_the_event_loop(load, hot):
    plugin = load()
    flat, high = [20.0] * 24, [97.0] * 24
    for number in range(10_000):
        series = high if number in hot else flat
        plugin.add(f"i-{number:05}", f"web-{number:05}", cpu=series, disk=series)
    stop, turns = anyio.Event(), []

    async def watch() -> None:
        turns.append(await turns_until(stop))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        reply = await plugin.check()
        stop.set()
    assert reply.data["summary"]["critical"] == len(hot)
    assert reply.data["issues_total"] == 2 * len(hot)
    assert len(reply.data["issues"]) == min(500, 2 * len(hot))
    shown = [block for block in reply.view if isinstance(block, Issues)]
    assert sum(len(block.items) for block in shown) == min(25, 2 * len(hot))
    assert max(plugin.gauges.latest_asked) == 150
    assert sum(count for metric, count in plugin.gauges.series_asked if metric == "cpu") <= 700
    assert turns[0] > 10_000 // 250

"""Metrics and costs: deterministic, with incidents, and only of running instances."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from statistics import mean

import anyio
import pytest

from machines import machines
from smartops import Instance
from smartops.backends import Query
from smartops.testing import ManualClock
from smartops_fake.backend import Fake

pytestmark = pytest.mark.anyio

Make = Callable[..., Fake]
Named = Callable[[Fake, str], Awaitable[Instance]]
WEB = "i-0abc123def"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


async def test_an_incident_is_in_the_series_from_its_start(
    make: Make, clock: ManualClock, named: Named
) -> None:
    cloud = make(incidents=[{"instance": "batch-*", "metric": "cpu", "value": 95, "since": "30m"}])
    batch = await named(cloud, "batch-01")
    assert (await cloud.latest([batch]))[batch.id].cpu == pytest.approx(95.4, abs=0.4)
    series = await cloud.series("cpu", [batch], since=clock.now() - HOUR, period=5 * MINUTE)
    values = [item.value for item in series[batch.id]]
    assert len(values) == 12
    assert max(values[:6]) < 80
    assert all(95 <= value <= 96 for value in values[6:])


async def test_a_ramp_rises(make: Make, clock: ManualClock, named: Named) -> None:
    ramp = {"instance": "batch-01", "metric": "disk", "value": 98, "since": "10h", "ramp": "8h"}
    cloud = make(incidents=[ramp])
    batch = await named(cloud, "batch-01")
    series = await cloud.series("disk", [batch], since=clock.now() - 11 * HOUR, period=HOUR)
    values = [item.value for item in series[batch.id]]
    assert values[1:9] == sorted(values[1:9])
    assert values[0] < values[4] < 97 < values[10]


async def test_a_restart_ends_incidents_that_are_configured_so(
    make: Make, clock: ManualClock, named: Named
) -> None:
    leak = {"metric": "memory", "value": 96, "since": "1h"}
    cured = {"instance": "web-server-01", "cured_by_restart": True, **leak}
    cloud = make(incidents=[cured, {"instance": "web-server-02", **leak}])
    other = (await named(cloud, "web-server-02")).id
    await cloud.change("reboot", machines(WEB, other))
    clock.advance(180)
    usages = await cloud.latest(machines(WEB, other))
    assert (usages[WEB].memory or 100) < 80 < (usages[other].memory or 0)
    series = await cloud.series("memory", machines(WEB), since=clock.now() - HOUR, period=MINUTE)
    assert series[WEB][10].value > 95  # past samples do not change


async def test_only_instances_with_incidents_have_high_values(
    make: Make, clock: ManualClock
) -> None:
    async def high(trouble: float) -> int:
        cloud = make(fleet=[], instances=400, trouble=trouble)
        usages = (await cloud.latest((await cloud.list(Query())).instances)).values()
        return sum(max(item.cpu or 0, item.memory or 0, item.disk or 0) > 80 for item in usages)

    for _ in range(8):
        assert await high(0) == 0
        clock.advance(3 * 3600)
    assert 5 <= await high(0.05) <= 40


async def test_only_running_instances_are_measured(
    make: Make, clock: ManualClock, named: Named
) -> None:
    cloud = make(fleet=[{"name": "old", "state": "stopped"}, {"name": "young", "age": "2h"}])
    old, young = await named(cloud, "old"), await named(cloud, "young")
    assert set(await cloud.latest([old, young])) == {young.id}
    series = await cloud.series("cpu", [young], since=clock.now() - DAY, period=HOUR)
    assert len(series[young.id]) == 2
    began = clock.now()
    await cloud.change("start", [old])
    clock.advance(1800)
    await cloud.change("stop", [old])
    clock.advance(1800)
    series = await cloud.series("cpu", [old], since=began, period=5 * MINUTE)
    assert [item.at - began for item in series[old.id]] == [5 * MINUTE * n for n in range(6)]


async def test_the_cpu_follows_the_day(cloud: Fake, clock: ManualClock) -> None:
    since = clock.now() - timedelta(days=7, hours=12)
    values = (await cloud.series("cpu", machines(WEB), since=since, period=HOUR))[WEB]
    by_day = mean(item.value for item in values if 12 <= item.at.hour < 16)
    by_night = mean(item.value for item in values if 0 <= item.at.hour < 4)
    assert by_day > by_night + 8
    assert [item.value for item in values[:24]] != [item.value for item in values[24:48]]


async def amounts(cloud: Fake, days: int) -> list[float]:
    return [item.amount for item in await cloud.daily(days)]


async def test_costs_follow_types_and_running_hours(make: Make, clock: ManualClock) -> None:
    large = make(fleet=[{"id": "i-1", "name": "a", "type": "m5.large", "age": "5d"}])
    (xlarge,) = await amounts(make(fleet=[{"name": "a", "type": "m5.xlarge"}]), 1)
    before = await amounts(large, 14)
    assert before[:8] == [0.0] * 8
    assert 0 < before[-1] < xlarge < 2 * before[-1]
    await large.change("stop", machines("i-1"))
    clock.advance(3 * DAY.total_seconds())
    *earlier, half, off, off_too = await amounts(large, 6)
    assert earlier == before[-3:]
    assert 0 < off == off_too < half < before[-1]
    assert len(await large.daily(10_000)) == 395


async def test_ten_thousand_instances_do_not_block_the_event_loop(
    make: Make, clock: ManualClock
) -> None:
    cloud = make(instances=10_000)
    everything = (await cloud.list(Query())).instances
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    async def taken(work: Awaitable[object]) -> int:
        before = turns
        await work
        return turns - before

    since = clock.now() - HOUR
    async with anyio.create_task_group() as group:
        group.start_soon(other)
        assert await taken(cloud.list(Query(limit=25))) >= 30
        assert await taken(cloud.latest(everything)) >= 100
        assert await taken(cloud.daily(14)) >= 30
        few = everything[:200]
        assert await taken(cloud.series("cpu", few, since=since, period=5 * MINUTE)) >= 10
        group.cancel_scope.cancel()

"""Metrics are computed for whatever window is asked, and tell the truth about incidents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from statistics import mean

import pytest

from machines import machines
from smartops import Instance, Query, ValidationFailed
from smartops.testing import ManualClock
from smartops_fake.backend import Fake

pytestmark = pytest.mark.anyio

Named = Callable[[Fake, str], Awaitable[Instance]]
Found = Callable[..., Fake]
WEB = "i-0abc123def"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


async def test_an_incident_is_there_from_its_moment_on(
    found: Found, clock: ManualClock, named: Named
) -> None:
    cloud = found(incidents=[{"instance": "batch-*", "metric": "cpu", "value": 95, "since": "30m"}])
    batch = await named(cloud, "batch-01")
    usage = (await cloud.latest([batch]))[batch.id]
    assert usage.cpu == pytest.approx(95, abs=1)
    series = await cloud.series("cpu", [batch], since=clock.now() - HOUR, period=5 * MINUTE)
    values = [item.value for item in series[batch.id]]
    assert len(values) == 12
    assert max(values[:6]) < 80
    assert all(95 <= value <= 96 for value in values[6:])
    assert (await cloud.latest(machines(WEB)))[WEB].cpu < 80


async def test_without_incidents_everybody_is_well(found: Found, clock: ManualClock) -> None:
    cloud = found(instances=200, trouble=0)
    ids = [item.id for item in (await cloud.list(Query(states=("running",)))).instances]
    for _ in range(8):
        for usage in (await cloud.latest(machines(*ids))).values():
            assert usage.cpu < 80
            assert usage.memory < 80
            assert usage.disk < 80
        clock.advance(3 * 3600)


async def test_some_made_up_machines_are_in_trouble(found: Found) -> None:
    cloud = found(fleet=[], instances=400, trouble=0.05)
    ids = [item.id for item in (await cloud.list(Query(states=("running",)))).instances]
    usages = (await cloud.latest(machines(*ids))).values()
    bad = [usage for usage in usages if max(usage.cpu, usage.memory, usage.disk) > 90]
    assert 5 <= len(bad) <= 40


async def test_a_ramp_climbs_and_an_end_ends(
    found: Found, clock: ManualClock, named: Named
) -> None:
    cloud = found(
        incidents=[
            {
                "instance": "batch-01",
                "metric": "disk",
                "value": 98,
                "since": "10h",
                "ramp": "8h",
                "lasts": "11h",
            }
        ]
    )
    batch = await named(cloud, "batch-01")
    since = clock.now() - 11 * HOUR
    values = [
        item.value
        for item in (await cloud.series("disk", [batch], since=since, period=HOUR))[batch.id]
    ]
    climbing = values[1:9]
    assert climbing == sorted(climbing)
    assert values[0] < climbing[3] < 97 < values[10]
    clock.advance(2 * 3600)
    assert (await cloud.latest([batch]))[batch.id].disk == pytest.approx(values[0], abs=2)


async def test_a_restart_cures_what_it_is_said_to(
    found: Found, clock: ManualClock, named: Named
) -> None:
    leak = {"metric": "memory", "value": 96, "since": "1h"}
    cloud = found(
        incidents=[
            {"instance": "web-server-01", "cured_by_restart": True, **leak},
            {"instance": "web-server-02", **leak},
        ]
    )
    other = (await named(cloud, "web-server-02")).id
    await cloud.act("reboot", machines(WEB, other))
    clock.advance(180)
    usages = await cloud.latest(machines(WEB, other))
    assert usages[WEB].memory < 80
    assert usages[other].memory > 95
    series = await cloud.series("memory", machines(WEB), since=clock.now() - HOUR, period=MINUTE)
    assert series[WEB][10].value > 95  # the past stays as it was


async def test_machines_that_are_off_have_no_samples(
    cloud: Fake, clock: ManualClock, named: Named
) -> None:
    old = (await named(cloud, "old-01")).id
    assert await cloud.latest(machines(old)) == {}
    began = clock.now()
    await cloud.act("start", machines(old))
    clock.advance(1800)
    assert set(await cloud.latest(machines(old))) == {old}
    await cloud.act("stop", machines(old))
    clock.advance(1800)
    assert await cloud.latest(machines(old)) == {}
    series = await cloud.series("cpu", machines(old), since=began, period=5 * MINUTE)
    assert [item.at - began for item in series[old]] == [5 * MINUTE * n for n in range(6)]


async def test_there_are_no_samples_from_before_the_launch(
    found: Found, clock: ManualClock
) -> None:
    cloud = found(fleet=[{"id": "i-1", "name": "young", "age": "2h"}])
    series = await cloud.series("cpu", machines("i-1"), since=clock.now() - DAY, period=HOUR)
    assert len(series["i-1"]) == 2


async def test_days_have_a_rhythm_and_no_two_are_the_same(cloud: Fake, clock: ManualClock) -> None:
    since = clock.now() - timedelta(days=14, hours=12)
    values = (await cloud.series("cpu", machines(WEB), since=since, period=HOUR))[WEB]
    by_day = mean(item.value for item in values if 12 <= item.at.hour < 16)
    by_night = mean(item.value for item in values if 0 <= item.at.hour < 4)
    assert by_day > by_night + 8
    weekend = mean(x.value for x in values if x.at.weekday() >= 5 and 12 <= x.at.hour < 16)
    assert weekend < by_day
    assert [x.value for x in values[:24]] != [x.value for x in values[24:48]]


async def test_the_latest_value_is_the_series_last_whole_minute(
    cloud: Fake, clock: ManualClock
) -> None:
    clock.advance(1234.5)
    usage = (await cloud.latest(machines(WEB)))[WEB]
    series = await cloud.series("cpu", machines(WEB), since=clock.now() - HOUR, period=MINUTE)
    assert (series[WEB][-1].at, series[WEB][-1].value) == (usage.at, usage.cpu)


async def test_what_is_not_measured_is_none(found: Found, clock: ManualClock) -> None:
    cloud = found(
        fleet=[
            {"id": "i-1", "name": "plain", "measures": ["cpu"]},
            {"id": "i-2", "name": "dark", "measures": []},
        ]
    )
    usages = await cloud.latest(machines("i-1", "i-2"))
    assert set(usages) == {"i-1"}
    assert usages["i-1"].cpu is not None
    assert (usages["i-1"].memory, usages["i-1"].disk) == (None, None)
    since = clock.now() - HOUR
    assert await cloud.series("disk", machines("i-1", "i-2"), since=since, period=MINUTE) == {}


async def test_a_usual_level_is_kept(found: Found, clock: ManualClock) -> None:
    cloud = found(fleet=[{"id": "i-1", "name": "one", "cpu": 45, "memory": 62, "disk": 38}])
    for _ in range(6):
        usage = (await cloud.latest(machines("i-1")))["i-1"]
        assert usage.cpu == pytest.approx(45, abs=6)
        assert usage.memory == pytest.approx(62, abs=3)
        assert usage.disk == pytest.approx(40, abs=3)
        clock.advance(5 * 3600)


@pytest.mark.parametrize("period", [timedelta(seconds=30), timedelta(seconds=90)])
async def test_periods_are_whole_minutes(
    cloud: Fake, clock: ManualClock, period: timedelta
) -> None:
    with pytest.raises(ValidationFailed, match="whole number of minutes"):
        await cloud.series("cpu", machines(WEB), since=clock.now() - HOUR, period=period)


async def test_too_many_points_are_refused(cloud: Fake, clock: ManualClock) -> None:
    since = clock.now() - 400 * DAY
    with pytest.raises(ValidationFailed, match="more than 100,800 points"):
        await cloud.series("cpu", machines(WEB), since=since, period=MINUTE)
    series = await cloud.series("cpu", machines(WEB), since=since, period=DAY)
    assert 15 <= len(series[WEB]) <= 401


async def test_a_window_in_the_future_is_empty(cloud: Fake, clock: ManualClock) -> None:
    assert await cloud.series("cpu", machines(WEB), since=clock.now() + DAY, period=HOUR) == {}

"""CloudWatch: few requests, the right metrics, and their age."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any

import anyio
import pytest

from smartops import Instance, ValidationFailed
from smartops.backends import Query, Sample
from smartops.testing import ManualClock
from smartops_aws import metrics
from smartops_aws.gauges import Gauge, chosen, cpu, of_instance, used
from smartops_simulators.aws import AwsSimulator

pytestmark = pytest.mark.anyio

REGION = "eu-central-1"
FIVE = timedelta(minutes=5)
LEVELS = {"cpu": 20, "memory": 45, "disk": 60, "spread": 0}
MACHINES = [
    {"name": "web-1", "metrics": LEVELS},
    {"name": "win-1", "platform": "windows", "metrics": LEVELS},
    {"name": "bare-1", "metrics": {**LEVELS, "memory": None, "disk": None}},
]

Cloud = Callable[..., AbstractAsyncContextManager[tuple[AwsSimulator, Any]]]


@pytest.fixture
def cloud(found: Callable[..., list[Any]], clock: ManualClock) -> Cloud:
    @asynccontextmanager
    async def start(
        machines: Sequence[Any] = MACHINES, more: Any = None, **section: Any
    ) -> AsyncIterator[tuple[AwsSimulator, Any]]:
        scenario = {
            "accounts": {"123456789012": {"regions": {REGION: {"instances": machines}}}},
            **(more or {}),
        }
        with AwsSimulator(scenario, clock=clock) as simulator:
            yield simulator, found(clock, endpoint=simulator.url, **section)[0]

    return start


async def listed(aws: Any) -> dict[str, Instance]:
    return {item.name: item for item in (await aws.list(Query())).instances}


async def test_linux_and_windows_have_metrics_of_their_own_names(cloud: Cloud) -> None:
    async with cloud() as (_, aws):
        machines = await listed(aws)
        usages = await aws.latest(list(machines.values()))
        for name in ("web-1", "win-1"):
            usage = usages[machines[name].id]
            assert (usage.cpu, usage.memory, usage.disk) == (20, 45, 60)
        bare = usages[machines["bare-1"].id]
        assert (bare.cpu, bare.memory, bare.disk) == (20, None, None)


async def test_measurements_are_cached(cloud: Cloud, clock: ManualClock) -> None:
    async with cloud() as (simulator, aws):
        machines = list((await listed(aws)).values())
        first = await aws.latest(machines)
        simulator.calls.clear()
        clock.advance(59)
        assert await aws.latest(machines[:2]) == {item.id: first[item.id] for item in machines[:2]}
        assert simulator.calls == []
        clock.advance(2)
        await aws.latest(machines)
        assert [call.operation for call in simulator.calls] == ["GetMetricData"]


async def test_a_page_is_one_request_once_the_agents_are_known(cloud: Cloud) -> None:
    machines = [{"name": f"web-{number:02}"} for number in range(25)]
    async with cloud(machines) as (simulator, aws):
        page = list((await listed(aws)).values())
        usages = await aws.latest(page)
        assert len(usages) == 25
        assert len(simulator.calls.of("ListMetrics")) == 25
        (call,) = simulator.calls.of("GetMetricData")
        assert len(call.params["MetricDataQueries"]) == 75


@pytest.mark.parametrize(("windows", "names"), [(0, 2), (1, 4)])
async def test_many_agents_are_found_by_reading_the_list_once(
    cloud: Cloud, clock: ManualClock, windows: int, names: int
) -> None:
    machines: list[Any] = [{"name": f"web-{number:03}"} for number in range(300 - windows)]
    machines += [{"name": "win-1", "platform": "windows"}] * windows
    async with cloud(machines) as (simulator, aws):
        everything = list((await listed(aws)).values())
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(aws.latest, everything)
        listings = simulator.calls.of("ListMetrics")
        known = [
            "mem_used_percent",
            "disk_used_percent",
            "Memory % Committed Bytes In Use",
            "LogicalDisk % Free Space",
        ]
        asked = [call.params["MetricName"] for call in listings]  # pages hold 500
        assert sorted(asked) == sorted(known[:names])
        clock.advance(120)
        usages = await aws.latest(everything)
        assert all(usage.disk is not None for usage in usages.values())
        assert len(simulator.calls.of("ListMetrics")) == names
        sizes = [len(c.params["MetricDataQueries"]) for c in simulator.calls.of("GetMetricData")]
        assert sorted(sizes[-2:]) == [400, 500]


async def test_an_instance_without_an_agent_is_checked_again_after_ten_minutes(
    cloud: Cloud, clock: ManualClock
) -> None:
    async with cloud() as (simulator, aws):
        bare = (await listed(aws))["bare-1"]
        for seconds, looks in ((0, 1), (300, 1), (300, 2)):
            clock.advance(seconds)
            await aws.latest([bare])
            assert len(simulator.calls.of("ListMetrics")) == looks


def measure(
    simulator: AwsSimulator,
    clock: ManualClock,
    used: float,
    name: str = "disk_used_percent",
    **dimensions: str,
) -> None:
    """Store a measurement of a disk or the memory, as the agent does."""
    metric = ("CWAgent", name, tuple(sorted(dimensions.items())))
    simulator.region().measured.setdefault(metric, []).append((clock.time(), used))


async def test_the_fullest_file_system_counts(cloud: Cloud, clock: ManualClock) -> None:
    machines = [{"name": "web-1", "metrics": {**LEVELS, "disk": None}}]
    async with cloud(machines) as (simulator, aws):
        web = (await listed(aws))["web-1"]
        for path, used, kind in (("/", 30, "xfs"), ("/data", 91, "ext4"), ("/run", 99, "tmpfs")):
            more = {"InstanceId": web.id, "path": path, "device": "d", "fstype": kind}
            measure(simulator, clock, used, **more)
        clock.advance(1)
        assert (await aws.latest([web]))[web.id].disk == 91


async def test_a_file_system_that_was_not_measured_lately_still_counts(
    cloud: Cloud, clock: ManualClock
) -> None:
    machines = [{"name": "web-1", "metrics": {**LEVELS, "disk": None}}]
    async with cloud(machines) as (simulator, aws):
        web = (await listed(aws))["web-1"]
        for path, used, seconds in (("/data", 91, 301), ("/", 30, 1)):
            measure(simulator, clock, used, InstanceId=web.id, path=path)
            clock.advance(seconds)
        usage = (await aws.latest([web]))[web.id]
        assert usage.disk == 91
        assert clock.now() - usage.at >= FIVE


async def test_the_moment_is_that_of_the_oldest_value(cloud: Cloud, clock: ManualClock) -> None:
    machines = [{"name": "web-1", "metrics": {**LEVELS, "memory": None, "disk": None}}]
    async with cloud(machines) as (simulator, aws):
        web = (await listed(aws))["web-1"]
        measure(simulator, clock, 71, "mem_used_percent", InstanceId=web.id)
        before = clock.now()
        clock.advance(40 * 60)
        usage = (await aws.latest([web]))[web.id]
        assert (usage.cpu, usage.memory) == (20, 71)
        assert usage.at == before


async def test_a_series_shows_when_it_began(cloud: Cloud, clock: ManualClock) -> None:
    async with cloud() as (simulator, aws):
        web = (await listed(aws))["web-1"]
        simulator.incident(instance="web-1", metric="cpu", value=95, since="30m")
        since = clock.now() - timedelta(hours=1)
        found = await aws.series("cpu", [web, web], since=since, period=FIVE)
        values = [item.value for item in found[web.id]]
        assert values == [20] * 6 + [95] * 6
        assert found[web.id][0] == Sample(since, 20)
        assert simulator.calls.of("ListMetrics") == []


async def test_a_series_is_cached(cloud: Cloud, clock: ManualClock) -> None:
    async with cloud() as (simulator, aws):
        machines = list((await listed(aws)).values())
        since = clock.now() - timedelta(hours=1)
        first = await aws.series("disk", machines, since=since, period=FIVE)
        assert len(first) == 2
        simulator.calls.clear()
        assert await aws.series("disk", machines, since=since, period=FIVE) == first
        assert simulator.calls == []
        await aws.series("disk", machines, since=since, period=2 * FIVE)
        assert len(simulator.calls.of("GetMetricData")) == 1


async def test_answers_in_pages_are_put_together(cloud: Cloud, clock: ManualClock) -> None:
    async with cloud(more={"points_per_page": 7}) as (simulator, aws):
        machines = list((await listed(aws)).values())
        since = clock.now() - timedelta(hours=2)
        found = await aws.series("cpu", machines, since=since, period=FIVE)
        assert {len(series) for series in found.values()} == {24}
        assert len(simulator.calls.of("GetMetricData")) > 10


async def test_long_windows_are_requested_in_portions(
    cloud: Cloud, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "MOST_POINTS", 900)
    machines = [{"name": f"web-{number:02}"} for number in range(4)]
    async with cloud(machines) as (simulator, aws):
        everything = list((await listed(aws)).values())
        since = clock.now() - timedelta(days=1)
        found = await aws.series("cpu", everything, since=since, period=FIVE)
        assert {len(series) for series in found.values()} == {288}
        sizes = [len(c.params["MetricDataQueries"]) for c in simulator.calls.of("GetMetricData")]
        assert sorted(sizes) == [1, 3]


@pytest.mark.parametrize(
    ("days", "period", "words"),
    [
        (1, timedelta(0), "whole number of minutes"),
        (1, timedelta(seconds=90), "whole number of minutes"),
        (1, -FIVE, "whole number of minutes"),
        (20, timedelta(minutes=1), "for 15 days"),
        (70, FIVE, "for 63 days"),
        (20_000, timedelta(hours=1), "more than 90,000 points"),
    ],
)
async def test_periods_that_cloudwatch_does_not_store_are_refused(
    cloud: Cloud, clock: ManualClock, days: int, period: timedelta, words: str
) -> None:
    async with cloud() as (simulator, aws):
        web = Instance("i-1", "", "", "running", "linux")
        since = clock.now() - timedelta(days=days)
        with pytest.raises(ValidationFailed, match=words):
            await aws.series("cpu", [web], since=since, period=period)
        assert simulator.calls == []


def gauge(name: str, **dimensions: str) -> Gauge:
    return "CWAgent", name, tuple(dimensions.items())


def test_fewer_dimensions_are_preferred_and_one_gauge_a_file_system() -> None:
    memory = gauge("mem_used_percent", InstanceId="i-1")
    root = gauge("disk_used_percent", InstanceId="i-1", path="/", device="a", fstype="xfs")
    data = gauge("disk_used_percent", InstanceId="i-1", path="/data", device="b", fstype="xfs")
    found = [
        gauge("mem_used_percent", InstanceId="i-1", ImageId="ami", InstanceType="t3.micro"),
        memory,
        data,
        gauge(
            "disk_used_percent", InstanceId="i-1", path="/", device="a", fstype="xfs", ImageId=""
        ),
        root,
        gauge("disk_used_percent", InstanceId="i-1"),
        gauge("disk_used_percent", InstanceId="i-1", path="/dev", device="d", fstype="devtmpfs"),
    ]
    assert chosen(found) == (memory, root, data)


def test_the_aggregated_disk_is_used_if_it_is_the_only_one() -> None:
    together = gauge("disk_used_percent", InstanceId="i-1")
    assert chosen([together]) == (together,)


def test_the_total_of_the_drives_of_windows_is_ignored() -> None:
    drive = gauge(
        "LogicalDisk % Free Space", InstanceId="i-1", objectname="LogicalDisk", instance="C:"
    )
    total = gauge(
        "LogicalDisk % Free Space", InstanceId="i-1", objectname="LogicalDisk", instance="_Total"
    )
    assert chosen([total, drive]) == (drive,)


@pytest.mark.parametrize(
    ("name", "dimensions", "value"),
    [
        ("mem_used_percent", {"InstanceId": "i-1"}, 30),
        ("LogicalDisk % Free Space", {"InstanceId": "i-1", "instance": "C:"}, 70),
        ("mem_used_percent", {"AutoScalingGroupName": "web"}, None),
        ("swap_used_percent", {"InstanceId": "i-1"}, None),
    ],
)
def test_listed_metrics_are_recognised(
    name: str, dimensions: dict[str, str], value: float | None
) -> None:
    reported = {
        "Namespace": "CWAgent",
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
    }
    found = of_instance(reported)
    assert (used(found[1], 30) if found else None) == value


def test_percentages_stay_percentages() -> None:
    assert used(cpu("i-1"), 100.4) == 100
    assert used(cpu("i-1"), -0.1) == 0


def test_the_garbage_collector_does_not_scan_what_is_known_of_each_instance() -> None:
    own = chosen([gauge("mem_used_percent", InstanceId="i-1", path=f"/{n}") for n in range(3)])
    for _ in range(5):  # tuples in tuples: each collection goes one level further
        gc.collect()
    assert not gc.is_tracked(own)

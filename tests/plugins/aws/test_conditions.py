"""Status checks, scheduled events, state reasons and Spot, over HTTP against the simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from smartops import Compute
from smartops.backends import Query
from smartops.testing import ManualClock
from smartops_simulators.aws import AwsSimulator

pytestmark = pytest.mark.anyio

MACHINES = [
    {"name": "sick", "failed_checks": ["system", "instance"]},
    {"name": "old", "events": [{"description": "The hardware degrades"}]},
    {"name": "done", "events": [{"description": "[Completed] It was rebooted"}]},
    {"name": "spare", "spot": True},
    {"name": "off", "state": "stopped", "state_reason": "Server.SpotInstanceTermination: gone"},
]


@pytest.fixture(params=[0, 120], ids=["few", "many"])
async def simulator(clock: ManualClock, request: Any) -> AsyncIterator[AwsSimulator]:
    crowd = [{"name": "web-{n}", "count": request.param}] if request.param else []
    region = {"instances": MACHINES, "generate": crowd}
    scenario = {"accounts": {"123456789012": {"regions": {"eu-central-1": region}}}}
    with AwsSimulator(scenario, clock=clock) as simulator:
        yield simulator


@pytest.fixture
def aws(found: Callable[..., list[Any]], clock: ManualClock, simulator: AwsSimulator) -> Compute:
    made: Compute = found(clock, endpoint=simulator.url)[0]
    return made


async def test_only_instances_with_something_to_report_are_returned(
    aws: Compute, simulator: AwsSimulator
) -> None:
    instances = (await aws.list(Query())).instances
    found = await aws.conditions(instances)
    by_name = {item.name: found[item.id] for item in instances if item.id in found}
    assert set(by_name) == {"sick", "old"}
    checks = by_name["sick"].failed
    assert [item.text for item in checks] == ["instance status check", "system status check"]
    assert [f"{item.at:%H:%M}" for item in checks] == ["11:30", "11:30"]
    (event,) = by_name["old"].scheduled
    assert event.text == "instance-retirement: The hardware degrades"
    assert f"{event.at:%Y-%m-%d}" == "2026-11-27"
    assert len(simulator.calls.of("DescribeInstanceStatus")) <= 3
    assert await aws.conditions([]) == {}


async def test_an_instance_has_its_state_reason_and_says_whether_it_is_spot(aws: Compute) -> None:
    by_name = {item.name: item for item in (await aws.list(Query())).instances}
    assert by_name["off"].state_reason == "Server.SpotInstanceTermination: gone"
    assert (by_name["sick"].state_reason, by_name["sick"].spot) == ("", False)
    assert by_name["spare"].spot

"""Every fault of every operation is a refusal, and the log of it is bounded."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, get_args

import pytest

from smartops import BackendUnavailable, Instance, Refusal
from smartops.backends import Query
from smartops.testing import ManualClock
from smartops_aws import actions
from smartops_aws.kit import Action
from smartops_aws.kit.action import ASSUME, IDENTITY
from smartops_simulators.aws import AwsSimulator
from smartops_simulators.aws.faults import Kind

pytestmark = pytest.mark.anyio

HOME, SHOP = "111111111111", "222222222222"
REGION = "eu-central-1"
SCENARIO: dict[str, Any] = {
    "accounts": {
        HOME: {"regions": {REGION: {"instances": [{"name": "web-1"}]}}},
        SHOP: {"regions": {REGION: {"instances": [{"name": "web-1"}]}}},
    },
    "outputs": [{"script": ".", "stdout": "a line of the log\n" * 3000}],
    "timing": {"visible": "0s", "deliver": "0s", "run": "0s"},
}
ACTIONS = [item for item in vars(actions).values() if isinstance(item, Action)] + [ASSUME, IDENTITY]
WRONG = ("malformed", "cut", "html", "empty")
HANDLED = ("denied", "throttle", *WRONG)
"""What an operation may handle in its own way; the other faults are handled alike for all."""

SAMPLE = ("DescribeInstances", "StartInstances", "SendCommand", "GetMetricData", "AssumeRole")
"""One operation of each kind and protocol, which gets all faults."""

MORE: dict[str, Any] = {"slow": {"delay": "10ms"}, "throttle": {"times": 1}}


async def scripted(aws: Any, machine: Instance) -> None:
    run = await aws.send("journalctl", [machine], limit=timedelta(seconds=60), key="k")
    aws.region.clock.advance(5)
    await aws.results(run)


async def cancelled(aws: Any, machine: Instance) -> None:
    await aws.cancel(await aws.send("sleep 9", [machine], limit=timedelta(seconds=60), key="c"))


async def earlier(aws: Any, machine: Instance) -> None:
    """Ask for a run that another process sent."""
    run = await aws.send("uptime", [machine], limit=timedelta(seconds=60), key="e")
    aws._commands._known.clear()
    await aws.results(run)


@pytest.fixture(autouse=True)
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let reads take any time, because the clock runs much faster than the simulator."""
    monkeypatch.setattr("smartops_aws.backend._READ", math.inf)


CALLS: dict[str, Callable[[Any, Instance], Awaitable[object]]] = {
    "DescribeInstances": lambda aws, _: aws.list(Query()),
    "DescribeInstanceStatus": lambda aws, machine: aws.conditions([machine]),
    "DescribeInstanceAttribute": lambda aws, machine: aws.check("stop", [machine]),
    "StartInstances": lambda aws, machine: aws.change("start", [machine]),
    "StopInstances": lambda aws, machine: aws.change("stop", [machine]),
    "RebootInstances": lambda aws, machine: aws.change("reboot", [machine]),
    "CreateTags": lambda aws, machine: aws.tag(machine, put={"a": "b"}),
    "DeleteTags": lambda aws, machine: aws.tag(machine, put={}, remove=("a",)),
    "DescribeInstanceInformation": scripted,
    "SendCommand": scripted,
    "ListCommandInvocations": scripted,
    "GetCommandInvocation": scripted,
    "ListCommands": earlier,
    "CancelCommand": cancelled,
    "GetMetricData": lambda aws, machine: aws.latest([machine]),
    "ListMetrics": lambda aws, machine: aws.latest([machine]),
    "AssumeRole": lambda aws, _: aws.list(Query()),
    "GetCallerIdentity": lambda aws, _: aws.list(Query()),
}
HARMLESS = ("DescribeInstanceAttribute", "SendCommand", "CancelCommand", "GetCommandInvocation")
"""After a wrong answer the change itself is refused, the command found, or nothing needed.

A result is given without its output."""


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.operation)
async def test_every_fault_of_an_operation_is_a_refusal(
    found: Callable[..., list[Any]], clock: ManualClock, action: Any
) -> None:
    account: dict[str, Any] = {"name": "prod", "account": HOME, "regions": [REGION]}
    if action.operation == "AssumeRole":
        account = {"name": "prod", "role": f"arn:aws:iam::{SHOP}:role/r", "regions": [REGION]}
    with AwsSimulator(SCENARIO, clock=clock) as simulator:
        (id_,) = simulator.region(HOME, REGION).instances
        for kind in get_args(Kind) if action.operation in SAMPLE else HANDLED:
            limits = {"read": "1s" if kind == "hang" else "10s"}
            aws, costs = found(clock, endpoint=simulator.url, accounts=[account], limits=limits)
            machine = Instance(id_, "web-1", "", "running", "linux", backend=aws.name)
            simulator.calls.clear()
            simulator.fault(action.right, kind, **MORE.get(kind, {}))
            refusal: Refusal | None = None
            async with clock.running(1, 0.01):  # a lost command is looked for with pauses
                try:
                    if action.operation == "GetCostAndUsage":
                        await costs.daily(14)
                    else:
                        await CALLS[action.operation](aws, machine)
                except Refusal as error:
                    refusal = error
            assert simulator.calls.of(action.operation)
            if kind in WRONG and action.operation not in HARMLESS:
                assert isinstance(refusal, BackendUnavailable), kind
                assert "no valid answer" in refusal.message
            simulator.heal()


async def test_the_log_does_not_hold_the_whole_answer(
    found: Callable[..., list[Any]], caplog: pytest.LogCaptureFixture
) -> None:
    regions = {REGION: {"generate": [{"count": 300}]}}
    with AwsSimulator({"accounts": {HOME: {"regions": regions}}}) as simulator:
        account = {"name": "prod", "account": HOME, "regions": [REGION]}
        aws, _ = found(endpoint=simulator.url, accounts=[account])
        for kind in ("cut", "malformed", "html"):
            simulator.fault("ec2:DescribeInstances", kind, times=1)
            with pytest.raises(BackendUnavailable):
                await aws.list(Query())
    assert len(caplog.messages) == 3
    assert all(len(message) < 400 for message in caplog.messages)
    assert "Sign in" in caplog.messages[-1]

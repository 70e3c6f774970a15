"""Faults are injected by operation, instance, time and code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest

from machines import machine, machines
from smartops import Instance, Refusal
from smartops.backends import Query
from smartops.testing import ManualClock
from smartops_fake.backend import Fake
from smartops_fake.faults import Unforeseen

pytestmark = pytest.mark.anyio

Make = Callable[..., Fake]
Named = Callable[[Fake, str], Awaitable[Instance]]
WEB = "i-0abc123def"
MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


MACHINE = Instance(WEB, "web-server-01", "t3.medium", "running", "linux")
CALLS: Mapping[str, Callable[[Fake], Awaitable[Any]]] = {
    "ping": lambda cloud: cloud.ping(),
    "list": lambda cloud: cloud.list(Query(ids=(WEB,))),
    "check": lambda cloud: cloud.check("stop", machines(WEB)),
    "start": lambda cloud: cloud.change("start", machines(WEB)),
    "stop": lambda cloud: cloud.change("stop", machines(WEB)),
    "reboot": lambda cloud: cloud.change("reboot", machines(WEB)),
    "tag": lambda cloud: cloud.tag(machine(WEB), put={"a": "b"}),
    "send": lambda cloud: cloud.send("uptime", [MACHINE], limit=MINUTE, key="key"),
    "latest": lambda cloud: cloud.latest(machines(WEB)),
    "series": lambda cloud: cloud.series("cpu", machines(WEB), since=NOON, period=MINUTE),
    "daily": lambda cloud: cloud.daily(1),
}


@pytest.mark.parametrize("operation", CALLS)
async def test_a_fault_affects_only_its_operation(make: Make, operation: str) -> None:
    for name, call in CALLS.items():
        cloud = make(faults=[_fault(operation)])
        if name != operation:
            await call(cloud)
            continue
        with pytest.raises(Refusal, match="The cloud cannot be reached") as refused:
            await call(cloud)
        assert (refused.value.code, refused.value.status) == ("BACKEND_UNAVAILABLE", 503)


def _fault(operation: str, **more: Any) -> dict[str, Any]:
    return {"operation": operation, "code": "BACKEND_UNAVAILABLE", **more}


@pytest.mark.parametrize(
    ("code", "status", "message", "details"),
    [
        (
            "PERMISSION_DENIED",
            403,
            "Insufficient permissions to stop instance",
            "Required IAM action: ec2:StopInstances",
        ),
        ("RATE_LIMITED", 429, "The cloud is throttling requests", None),
        ("INSTANCE_NOT_FOUND", 404, f"There is no instance {WEB}", None),
        ("SSM_UNAVAILABLE", 503, "The SSM agent does not answer", None),
        ("BACKEND_UNAVAILABLE", 503, "The cloud cannot be reached", None),
        ("VALIDATION_ERROR", 400, "The cloud refuses to stop instance", None),
    ],
)
async def test_every_code_raises_its_error(
    make: Make, code: str, status: int, message: str, details: str | None
) -> None:
    cloud = make(faults=[{"operation": "act", "code": code}])
    with pytest.raises(Refusal) as refused:
        await cloud.change("stop", machines(WEB))
    error = refused.value
    assert (error.code, error.status, error.message) == (code, status, message)
    assert error.details == details
    assert error.retry_after == (5 if code == "RATE_LIMITED" else None)
    assert (await cloud.list(Query(ids=(WEB,)))).counts == {"running": 1}


async def test_an_unexpected_error_is_no_refusal(make: Make) -> None:
    cloud = make(faults=[{"operation": "list", "code": "INTERNAL_ERROR", "message": "a secret"}])
    with pytest.raises(Unforeseen, match="a secret") as raised:
        await cloud.list(Query())
    assert not isinstance(raised.value, Refusal)


async def test_a_hanging_call_ends_with_the_deadline(make: Make, clock: ManualClock) -> None:
    cloud = make(faults=[{"operation": "stop", "code": "TIMEOUT", "times": 1}])

    async def deadline() -> None:
        while not clock.sleepers:
            await anyio.lowlevel.checkpoint()
        clock.advance(30)

    async with anyio.create_task_group() as group:
        group.start_soon(deadline)
        with pytest.raises(TimeoutError), clock.fail_after(30):
            await cloud.change("stop", machines(WEB))
    assert (await cloud.list(Query(ids=(WEB,)))).counts == {"running": 1}
    await cloud.change("stop", machines(WEB))


async def test_a_late_fault_takes_effect_and_loses_the_response(make: Make) -> None:
    cloud = make(faults=[_fault("stop", when="after")])
    with pytest.raises(Refusal):
        await cloud.change("stop", machines(WEB))
    assert (await cloud.list(Query(ids=(WEB,)))).counts == {"stopping": 1}


async def test_times_and_messages_are_as_configured(make: Make) -> None:
    cloud = make(
        faults=[
            {
                "operation": ["list", "ping"],
                "code": "RATE_LIMITED",
                "times": 3,
                "retry_after": 42,
                "message": "Slow down",
                "details": "too fast",
            }
        ]
    )
    for call in (cloud.ping, lambda: cloud.list(Query()), cloud.ping):
        with pytest.raises(Refusal) as refused:
            await call()
        error = refused.value
        assert (error.message, error.details, error.retry_after) == ("Slow down", "too fast", 42)
    await cloud.ping()
    assert (await cloud.list(Query())).instances


async def test_a_fault_of_an_instance_affects_calls_with_it(make: Make, named: Named) -> None:
    cloud = make(faults=[_fault("*", instance="batch-*")])
    batch = await cloud.list(Query(names=("batch-01",)))  # a query by name has no id
    batch_id = batch.instances[0].id
    await cloud.change("stop", machines(WEB))
    await cloud.ping()
    await cloud.daily(1)
    await cloud.latest(machines(WEB))
    for call in (
        lambda: cloud.change("stop", machines(WEB, batch_id)),
        lambda: cloud.latest(machines(batch_id)),
        lambda: cloud.list(Query(ids=(batch_id,))),
        lambda: cloud.send("uptime", batch.instances, limit=MINUTE, key=""),
    ):
        with pytest.raises(Refusal):
            await call()


async def test_results_and_cancel_fail_too(make: Make, named: Named, clock: ManualClock) -> None:
    cloud = make(faults=[_fault("results", times=1), _fault("cancel", times=1)])
    run = await cloud.send("uptime", [await named(cloud, "db-01")], limit=MINUTE, key="")
    for call in (cloud.results, cloud.cancel):
        with pytest.raises(Refusal):
            await call(run)
    clock.advance(20)
    await cloud.cancel(run)
    assert (await cloud.results(run))[0].status == "success"


async def test_a_delay_takes_time_of_the_clock(make: Make, clock: ManualClock) -> None:
    cloud = make(faults=[{"operation": "list", "delay": "3s"}])
    began, ended = clock.time(), 0.0

    async def ask() -> None:
        nonlocal ended
        assert (await cloud.list(Query())).instances
        ended = clock.time()

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        while not clock.sleepers:
            await anyio.lowlevel.checkpoint()
        clock.advance(2.9)
        await anyio.wait_all_tasks_blocked()
        assert ended == 0.0
        clock.advance(0.1)
    assert ended == pytest.approx(began + 3)


async def test_a_check_reports_a_missing_permission_and_does_not_count(make: Make) -> None:
    denied = {"operation": "stop", "code": "PERMISSION_DENIED", "times": 1}
    cloud = make(faults=[denied, _fault("act", when="before", instance="db-*")])
    for _ in range(3):
        with pytest.raises(Refusal) as refused:
            await cloud.check("stop", machines(WEB))
        assert refused.value.details == "Required IAM action: ec2:StopInstances"
    await cloud.check("reboot", machines(WEB))
    with pytest.raises(Refusal):
        await cloud.change("stop", machines(WEB))
    await cloud.check("stop", machines(WEB))
    await cloud.change("stop", machines(WEB))

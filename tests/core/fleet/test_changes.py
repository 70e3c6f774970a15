"""Changes are made by each instance's own backend, concurrently, and reported exactly."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import anyio
import pytest

from machines import machine
from smartops import (
    BackendUnavailable,
    DeadlineExceeded,
    Instance,
    InstanceNotFound,
    PermissionDenied,
    Unreachable,
)
from smartops.backends import Query
from smartops.errors import InternalError
from smartops.fleet import ComputeGroup
from smartops.testing import ManualClock
from smartops_fake.backend import Fake

pytestmark = pytest.mark.anyio

Clouds = Callable[..., list[Fake]]
EU, US = "prod/eu-central-1", "prod/us-east-1"


async def running(compute: ComputeGroup, backend: str, count: int = 2) -> list[Instance]:
    query = Query(states=("running",), backends=(backend,), limit=count)
    return [*(await compute.list(query)).instances]


async def states(compute: ComputeGroup, instances: list[Instance]) -> list[str]:
    page = await compute.list(Query(ids=tuple(item.id for item in instances)))
    found = {item.id: item.state for item in page.instances}
    return [found[item.id] for item in instances]


async def test_each_instance_is_stopped_by_its_own_backend(
    clouds: Clouds, clock: ManualClock
) -> None:
    compute = ComputeGroup(clouds(), clock)
    (one, two), (three, four) = await running(compute, EU), await running(compute, US)
    mixed = [three, one, four, two]
    await compute.check("stop", mixed)
    assert await states(compute, mixed) == ["running"] * 4
    done = await compute.change("stop", mixed)
    assert [item.id for item in done] == [item.id for item in mixed]
    assert await states(compute, mixed) == ["stopping"] * 4


async def test_tags_are_set_by_the_instance_s_own_backend(
    clouds: Clouds, clock: ManualClock
) -> None:
    compute = ComputeGroup(clouds(), clock)
    (one,) = await running(compute, US, 1)
    await compute.tag(one, put={"a": "b"}, remove=("Team",))
    (after,) = (await compute.list(Query(tags={"a": ("b",)}))).instances
    assert (after.id, after.backend) == (one.id, US)
    assert "Team" not in after.tags


@pytest.mark.parametrize("backend", ["", "gone"])
async def test_an_instance_of_an_unknown_backend_is_refused_before_any_change(
    clouds: Clouds, clock: ManualClock, backend: str
) -> None:
    compute = ComputeGroup(clouds(), clock)
    (one,) = await running(compute, EU, 1)
    stranger = machine("i-1", backend=backend)
    calls: list[Callable[[], Awaitable[Any]]] = [
        lambda: compute.change("stop", [one, stranger]),
        lambda: compute.check("stop", [one, stranger]),
        lambda: compute.tag(stranger, put={"a": "b"}),
        lambda: compute.check_tag(stranger, put={"a": "b"}),
    ]
    for call in calls:
        with pytest.raises(InstanceNotFound, match="where i-1 came from"):
            await call()
    assert await states(compute, [one]) == ["running"]


async def test_check_raises_what_any_backend_would_refuse(
    clouds: Clouds, clock: ManualClock
) -> None:
    denied = {"operation": "stop", "code": "PERMISSION_DENIED"}
    compute = ComputeGroup(clouds(us=[denied]), clock)
    (one,), (two,) = await running(compute, EU, 1), await running(compute, US, 1)
    await compute.check("stop", [one])
    with pytest.raises(PermissionDenied) as refused:
        await compute.check("stop", [one, two])
    assert refused.value.message == f"{US}: Insufficient permissions to stop instance"
    assert refused.value.details == "Required IAM action: ec2:StopInstances"


async def test_the_error_lists_accepted_and_refused_instances(
    clouds: Clouds, clock: ManualClock
) -> None:
    denied = {"operation": "stop", "code": "PERMISSION_DENIED"}
    compute = ComputeGroup(clouds(us=[denied]), clock)
    ours, theirs = await running(compute, EU), await running(compute, US, 1)
    with pytest.raises(PermissionDenied) as refused:
        await compute.change("stop", [*theirs, *ours])
    error = refused.value
    assert error.message == "The stop was accepted for 2 of 3 instances only"
    accepted = ", ".join(f"{item.name} ({item.id})" for item in ours)
    (other,) = theirs
    assert error.details == (
        f"Accepted for {accepted}. Not done: {other.name} ({other.id}); {US}: Insufficient "
        "permissions to stop instance (Required IAM action: ec2:StopInstances)."
    )
    assert await states(compute, [*ours, *theirs]) == ["stopping", "stopping", "running"]


async def test_a_lost_response_is_reported_as_unknown(clouds: Clouds, clock: ManualClock) -> None:
    lost = {"operation": "stop", "code": "BACKEND_UNAVAILABLE", "when": "after"}
    compute = ComputeGroup(clouds(us=[lost]), clock)
    (one,), (two,) = await running(compute, EU, 1), await running(compute, US, 1)
    with pytest.raises(BackendUnavailable) as refused:
        await compute.change("stop", [one, two])
    assert (
        f"Perhaps done, check the target's state before you retry: {two.name} ({two.id}); {US}"
        in (refused.value.details or "")
    )
    assert await states(compute, [one, two]) == ["stopping", "stopping"]


async def test_a_hanging_backend_leaves_time_to_report_the_others(
    clouds: Clouds, clock: ManualClock
) -> None:
    hangs = {"operation": "stop", "code": "TIMEOUT"}
    compute = ComputeGroup(clouds(us=[hangs]), clock)
    (one,), (two,) = await running(compute, EU, 1), await running(compute, US, 1)
    told: list[DeadlineExceeded] = []

    async def stop() -> None:
        with anyio.fail_after(1000):
            try:
                await compute.change("stop", [one, two])
            except DeadlineExceeded as error:
                told.append(error)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stop)
        await anyio.wait_all_tasks_blocked()
        clock.advance(899)
        await anyio.wait_all_tasks_blocked()
        assert not told
        clock.advance(1)
    (error,) = told
    assert error.message == "The stop was accepted for 1 of 2 instances only"
    assert "no answer within 900 seconds; it may or may not have happened" in (error.details or "")


async def test_the_error_reports_no_change_if_all_backends_refuse(
    clouds: Clouds, clock: ManualClock
) -> None:
    eu = {"operation": "stop", "code": "PERMISSION_DENIED"}
    us = {"operation": "stop", "code": "BACKEND_UNAVAILABLE"}
    compute = ComputeGroup(clouds(eu=[eu], us=[us]), clock)
    (one,), (two,) = await running(compute, EU, 1), await running(compute, US, 1)
    with pytest.raises(BackendUnavailable, match="No stop was accepted") as refused:
        await compute.change("stop", [one, two])
    assert "Accepted" not in (refused.value.details or "")
    with pytest.raises(PermissionDenied, match=EU):
        await compute.change("stop", [one])


async def test_an_exception_in_one_backend_does_not_hide_the_others_results(
    clouds: Clouds, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    bug = {"operation": "stop", "code": "INTERNAL_ERROR", "message": "a secret"}
    compute = ComputeGroup(clouds(us=[bug]), clock)
    (one,), (two,) = await running(compute, EU, 1), await running(compute, US, 1)
    with pytest.raises(InternalError, match="1 of 2 instances only") as refused:
        await compute.change("stop", [one, two])
    assert "a secret" not in str(refused.value.details)
    assert "a secret" in caplog.text
    assert await states(compute, [one]) == ["stopping"]


async def test_backends_are_asked_concurrently_and_reads_time_out(
    clouds: Clouds, clock: ManualClock
) -> None:
    slow = {"operation": "list", "delay": "19s"}
    hangs = {"operation": "list", "code": "TIMEOUT"}
    compute = ComputeGroup(clouds(eu=[slow], us=[hangs]), clock)
    began = clock.time()
    pages = []

    async def ask() -> None:
        pages.append(await compute.list(Query(limit=3)))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        clock.advance(19)
        await anyio.wait_all_tasks_blocked()
        assert not pages
        clock.advance(1)
    assert clock.time() - began == 20
    (page,) = pages
    assert {item.backend for item in page.instances} == {EU}
    assert [str(item) for item in page.failures] == [f"{US}: There was no answer within 20 seconds"]


async def test_a_near_deadline_leaves_time_to_report(clouds: Clouds) -> None:
    waited: list[float] = []

    class Noting(ManualClock):
        def fail_after(self, seconds: float) -> Any:
            waited.append(seconds)
            return super().fail_after(seconds)

    compute = ComputeGroup(clouds(), Noting())
    with anyio.fail_after(15):
        await compute.ping()
    await compute.ping()
    assert waited == [pytest.approx(13.5, abs=1)] * 2 + [20.0] * 2


@pytest.mark.parametrize(
    ("second", "outcome", "undone"),
    [
        (Unreachable("No connection"), "Not done", True),
        (BackendUnavailable("No answer"), "Perhaps done", False),
    ],
)
async def test_undone_is_set_only_if_no_change_was_certainly_made(
    clouds: Clouds,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    second: BackendUnavailable,
    outcome: str,
    undone: bool,
) -> None:
    eu, us = clouds()
    compute = ComputeGroup([eu, us], clock)
    (one,), (two,) = await running(compute, EU, 1), await running(compute, US, 1)
    for backend, error in ((eu, Unreachable("No connection")), (us, second)):
        monkeypatch.setattr(backend, "change", partial(_refuse, error))
    with pytest.raises(BackendUnavailable) as refused:
        await compute.change("stop", [one, two])
    assert refused.value.undone is undone
    assert f"{outcome}" in str(refused.value.details).partition(EU)[2]


async def _refuse(error: BackendUnavailable, *_: object) -> None:
    raise error

"""Runs of scripts on instances of several backends, under one id."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from machines import machine
from smartops import BackendUnavailable, Instance, ValidationFailed
from smartops.backends import Query, RunResult, failures_of
from smartops.fleet import ComputeGroup, RunnerGroup
from smartops.fleet.runner import RunPart, join_parts, split_parts
from smartops.testing import ManualClock
from smartops_fake.backend import Fake

pytestmark = pytest.mark.anyio

Clouds = Callable[..., list[Fake]]
EU, US = "prod/eu-central-1", "prod/us-east-1"
LIMIT = timedelta(seconds=60)


async def linux(backends: list[Fake], clock: ManualClock) -> dict[str, list[Instance]]:
    query = Query(states=("running",), platforms=("linux",))
    page = await ComputeGroup(backends, clock).list(query)
    return {
        name: [item for item in page.instances if item.backend == name][:2] for name in (EU, US)
    }


def fault(operation: str, code: str = "BACKEND_UNAVAILABLE", **more: object) -> dict[str, object]:
    return {"operation": operation, "code": code, **more}


async def test_one_id_identifies_the_runs_of_all_backends(
    clouds: Clouds, clock: ManualClock
) -> None:
    both = clouds()
    runner, found = RunnerGroup(both, clock), await linux(both, clock)
    targets = [found[US][0], found[EU][0], found[US][1]]
    run = await runner.send("hostname", targets, limit=LIMIT, key="key")
    parts = split_parts(run)
    assert {part.backend for part in parts} == {EU, US}
    assert run.startswith(f"{US}:")  # readable, because people use it to find the run
    clock.advance(10)
    results = await runner.results(run)
    assert {item.instance_id for item in results} == {item.id for item in targets}
    assert all(item.status == "success" for item in results)
    assert failures_of(results) == ()
    again = RunnerGroup(both, clock)
    assert await again.results(run) == results


async def test_a_run_of_one_backend_has_its_name_in_the_id(
    clouds: Clouds, clock: ManualClock
) -> None:
    both = clouds()
    runner, found = RunnerGroup(both, clock), await linux(both, clock)
    run = await runner.send("hostname", found[EU], limit=LIMIT, key="")
    assert run.startswith(f"{EU}:")
    assert "," not in run
    assert len(await runner.results(run)) == 2


async def test_a_backend_that_refuses_is_reported_and_others_run(
    clouds: Clouds, clock: ManualClock
) -> None:
    both = clouds(us=[fault("send", "PERMISSION_DENIED")])
    runner, found = RunnerGroup(both, clock), await linux(both, clock)
    run = await runner.send("hostname", [*found[US], *found[EU]], limit=LIMIT, key="")
    clock.advance(10)
    results = {item.instance_id: item for item in await runner.results(run)}
    assert {results[item.id].status for item in found[EU]} == {"success"}
    for item in found[US]:
        assert results[item.id] == RunResult(
            item.id,
            "unreachable",
            errors=f"It was not sent. {US}: Insufficient permissions to run commands on instance",
        )


async def test_a_lost_response_is_reported_as_unknown(clouds: Clouds, clock: ManualClock) -> None:
    both = clouds(us=[fault("send", when="after")])
    runner, found = RunnerGroup(both, clock), await linux(both, clock)
    run = await runner.send("hostname", [*found[US], *found[EU]], limit=LIMIT, key="")
    (_, why) = split_parts(run)
    assert why.why == f"It is not known whether it was sent. {US}: The cloud cannot be reached"


async def test_a_script_that_all_refuse_is_refused(clouds: Clouds, clock: ManualClock) -> None:
    both = clouds(eu=[fault("send")], us=[fault("send", "SSM_UNAVAILABLE")])
    runner, found = RunnerGroup(both, clock), await linux(both, clock)
    with pytest.raises(BackendUnavailable, match="2 backends refused"):
        await runner.send("hostname", [*found[US], *found[EU]], limit=LIMIT, key="")
    with pytest.raises(BackendUnavailable, match=US) as refused:
        await runner.send("hostname", found[US], limit=LIMIT, key="")
    assert refused.value.code == "SSM_UNAVAILABLE"


async def test_backends_without_results_are_named(clouds: Clouds, clock: ManualClock) -> None:
    both = clouds(us=[fault("results")])
    runner, found = RunnerGroup(both, clock), await linux(both, clock)
    run = await runner.send("hostname", [*found[US], *found[EU]], limit=LIMIT, key="")
    clock.advance(10)
    results = await runner.results(run)
    assert {item.instance_id for item in results} == {item.id for item in found[EU]}
    assert [item.backend for item in failures_of(results)] == [US]
    only = await runner.send("hostname", found[US], limit=LIMIT, key="")
    with pytest.raises(BackendUnavailable, match=US):
        await runner.results(only)


async def test_cancel_reaches_all_backends_and_names_those_that_fail(
    clouds: Clouds, clock: ManualClock
) -> None:
    both = clouds(us=[fault("cancel", times=1)])
    runner, found = RunnerGroup(both, clock), await linux(both, clock)
    run = await runner.send("sleep 50", [*found[US], *found[EU]], limit=LIMIT, key="")
    clock.advance(2)
    with pytest.raises(BackendUnavailable, match=US):
        await runner.cancel(run)
    statuses = [item.status for item in await runner.results(run)]
    assert sorted(statuses) == ["cancelled"] * 2 + ["running"] * 2
    await runner.cancel(run)
    assert {item.status for item in await runner.results(run)} == {"cancelled"}


async def test_an_instance_of_a_backend_without_a_runner_is_unreachable(
    clouds: Clouds, clock: ManualClock
) -> None:
    both = clouds()
    runner, found = RunnerGroup(both, clock), await linux(both, clock)
    stranger = machine("i-1", backend="on-premises")
    run = await runner.send("hostname", [stranger, *found[EU]], limit=LIMIT, key="")
    clock.advance(10)
    (last,) = [item for item in await runner.results(run) if item.instance_id == "i-1"]
    assert (last.status, last.errors) == (
        "unreachable",
        "It was not sent. on-premises: It runs no scripts",
    )
    with pytest.raises(ValidationFailed, match="on-premises"):
        await runner.send("hostname", [stranger], limit=LIMIT, key="")
    with pytest.raises(ValidationFailed, match="nothing to run"):
        await runner.send("hostname", [], limit=LIMIT, key="")


@pytest.mark.parametrize(
    "run", ["", "x", "a:b:c", "prod/eu-central-1:", "gone:1", ",", "!", "a:b,"]
)
async def test_invalid_run_ids_are_refused(clouds: Clouds, clock: ManualClock, run: str) -> None:
    runner = RunnerGroup(clouds(), clock)
    for call in (runner.results, runner.cancel):
        with pytest.raises(ValidationFailed):
            await call(run)


def test_the_error_class_is_the_common_one(clouds: Clouds, clock: ManualClock) -> None:
    one, two = clouds()

    class Other(Fake):
        unreachable = BackendUnavailable

    assert RunnerGroup([one, two], clock).unreachable is one.unreachable
    other = Other(two._cloud)
    assert RunnerGroup([one, other], clock).unreachable is BackendUnavailable


WORDS = st.text(min_size=1, max_size=20)
PARTS = st.one_of(
    st.builds(RunPart, st.just("") | WORDS, WORDS),
    st.builds(RunPart, WORDS, why=WORDS, ids=st.lists(WORDS, max_size=3).map(tuple)),
)


@settings(max_examples=100)
@given(parts=st.lists(PARTS, min_size=1, max_size=4))
def test_joined_run_ids_can_be_split(parts: list[RunPart]) -> None:
    run = join_parts(parts)
    assert split_parts(run) == tuple(parts)
    assert run.isascii()
    assert run.isprintable()
    assert " " not in run


@settings(max_examples=100)
@given(text=st.text(max_size=40))
def test_any_text_is_split_or_refused(text: str) -> None:
    try:
        parts = split_parts(text)
    except ValidationFailed:
        return
    assert split_parts(join_parts(parts)) == parts

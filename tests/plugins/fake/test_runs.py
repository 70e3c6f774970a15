"""Runs take their time, end in every way that runs end in, and are sent once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import pytest

from smartops import (
    BackendUnavailable,
    Instance,
    InstanceNotFound,
    Query,
    RunResult,
    ValidationFailed,
)
from smartops.testing import ManualClock
from smartops_fake.backend import Fake

pytestmark = pytest.mark.anyio

Found = Callable[..., Fake]
Named = Callable[[Fake, str], Awaitable[Instance]]
LIMIT = timedelta(seconds=60)
SLOW = [{"pattern": "migrate", "output": "done\n", "seconds": 20}]


def statuses(results: Sequence[RunResult]) -> list[str]:
    return [item.status for item in results]


async def test_a_run_goes_through_its_states(
    found: Found, clock: ManualClock, named: Named
) -> None:
    cloud = found(scripts=SLOW)
    web = await named(cloud, "web-server-01")
    run = await cloud.send("migrate", [web], limit=LIMIT, key="")
    assert await cloud.results(run) == (RunResult(web.id, "pending"),)
    clock.advance(5)
    (running,) = await cloud.results(run)
    assert (running.status, running.exit_code, running.output) == ("running", None, "")
    assert 4 <= running.seconds <= 5
    clock.advance(17)
    assert await cloud.results(run) == (RunResult(web.id, "success", 0, "done\n", seconds=20),)


async def test_every_machine_ends_in_its_own_way(
    found: Found, clock: ManualClock, named: Named
) -> None:
    cloud = found(
        fleet=[
            {"name": "good"},
            {"name": "bad"},
            {"name": "off", "state": "stopped"},
            {"name": "quiet", "agent": "offline"},
        ],
        scripts=[
            {"pattern": "deploy", "instance": "bad", "exit_code": 1, "errors": "no space\n"},
            {"pattern": "deploy", "output": "deployed\n"},
        ],
    )
    machines = [await named(cloud, name) for name in ("good", "off", "bad", "quiet")]
    run = await cloud.send("deploy", machines, limit=LIMIT, key="")
    assert statuses(await cloud.results(run)) == ["pending"] * 4
    clock.advance(10)
    results = await cloud.results(run)
    assert statuses(results) == ["success", "unreachable", "failed", "unreachable"]
    assert [item.exit_code for item in results] == [0, None, 1, None]
    assert results[2].errors == "no space\n"


async def test_a_machine_that_stops_meanwhile_is_lost(
    found: Found, clock: ManualClock, named: Named
) -> None:
    cloud = found(scripts=SLOW)
    web, other = [await named(cloud, name) for name in ("web-server-01", "web-server-02")]
    run = await cloud.send("migrate", [web, other], limit=LIMIT, key="")
    clock.advance(5)
    await cloud.act("stop", [web])
    assert statuses(await cloud.results(run)) == ["unreachable", "running"]
    clock.advance(60)
    results = await cloud.results(run)
    assert statuses(results) == ["unreachable", "success"]
    assert 4 <= results[0].seconds <= 5


async def test_what_has_ended_outlives_its_machine(
    found: Found, clock: ManualClock, named: Named
) -> None:
    cloud = found(scripts=SLOW)
    web = await named(cloud, "web-server-01")
    run = await cloud.send("migrate", [web], limit=LIMIT, key="")
    clock.advance(30)
    await cloud.act("stop", [web])
    clock.advance(30)
    assert statuses(await cloud.results(run)) == ["success"]


async def test_cancelling_stops_what_has_not_ended(
    found: Found, clock: ManualClock, named: Named
) -> None:
    slow = [{"pattern": "job", "instance": "web-server-01", "seconds": 2}]
    slow.append({"pattern": "job", "seconds": 50})
    cloud = found(scripts=slow)
    machines = [await named(cloud, name) for name in ("web-server-01", "web-server-02")]
    run = await cloud.send("job", machines, limit=LIMIT, key="")
    clock.advance(10)
    await cloud.cancel(run)
    results = await cloud.results(run)
    assert statuses(results) == ["success", "cancelled"]
    assert 9 <= results[1].seconds <= 10
    clock.advance(10)
    await cloud.cancel(run)
    assert await cloud.results(run) == results


async def test_cancelling_before_delivery_reaches_everybody(
    found: Found, clock: ManualClock, named: Named
) -> None:
    cloud = found(fleet=[{"name": "web"}, {"name": "quiet", "agent": "offline"}])
    machines = [await named(cloud, name) for name in ("web", "quiet")]
    run = await cloud.send("uptime", machines, limit=LIMIT, key="")
    await cloud.cancel(run)
    clock.advance(30)
    assert statuses(await cloud.results(run)) == ["cancelled", "cancelled"]


async def test_the_limit_is_kept_to_the_second(
    found: Found, clock: ManualClock, named: Named
) -> None:
    cloud = found(scripts=SLOW)
    web = await named(cloud, "web-server-01")
    run = await cloud.send("migrate", [web], limit=timedelta(seconds=19), key="")
    clock.advance(60)
    assert await cloud.results(run) == (RunResult(web.id, "timed-out", seconds=19),)


@pytest.mark.parametrize(
    ("limit", "output", "errors", "truncated"),
    [(None, 25_000, 9_000, False), (25_000, 25_000, 9_000, False), (24_999, 24_999, 9_000, True)],
)
async def test_output_is_cut_where_that_is_wanted(
    found: Found,
    clock: ManualClock,
    named: Named,
    limit: int | None,
    output: int,
    errors: int,
    truncated: bool,
) -> None:
    told = {"output": "x" * 1000, "repeat": 25, "errors": "e" * 9_000, "exit_code": 1}
    cloud = found(scripts=[{"pattern": "long", **told}], output_limit=limit)
    web = await named(cloud, "web-server-01")
    run = await cloud.send("long", [web], limit=LIMIT, key="")
    clock.advance(10)
    (result,) = await cloud.results(run)
    assert (len(result.output), len(result.errors)) == (output, errors)
    assert result.truncated is truncated


async def test_a_key_that_has_sent_something_else_is_refused(cloud: Fake, named: Named) -> None:
    web, other = [await named(cloud, name) for name in ("web-server-01", "web-server-02")]
    run = await cloud.send("uptime", [web], limit=LIMIT, key="act-1")
    assert await cloud.send("uptime", [web], limit=LIMIT, key="act-1") == run
    for script, machines in (("df -h", [web]), ("uptime", [web, other])):
        with pytest.raises(ValidationFailed, match="already sent another script"):
            await cloud.send(script, machines, limit=LIMIT, key="act-1")


async def test_a_machine_without_an_agent_refuses_the_whole_run(found: Found, named: Named) -> None:
    cloud = found(fleet=[{"name": "web"}, {"name": "bare", "agent": "missing"}])
    machines = [await named(cloud, name) for name in ("web", "bare")]
    with pytest.raises(BackendUnavailable, match="bare has no SSM agent") as refused:
        await cloud.send("uptime", machines, limit=LIMIT, key="act-1")
    assert (refused.value.code, refused.value.status) == ("SSM_UNAVAILABLE", 503)
    assert await cloud.send("uptime", machines[:1], limit=LIMIT, key="act-1")


async def test_what_cannot_be_sent_is_refused(cloud: Fake, named: Named) -> None:
    web = await named(cloud, "web-server-01")
    stranger = Instance("i-0beef", "stranger", "t3.micro", "running", "linux")
    refused: list[tuple[str, list[Instance], timedelta, type[Exception]]] = [
        ("", [web], LIMIT, ValidationFailed),
        (" \n", [web], LIMIT, ValidationFailed),
        ("x" * 65_537, [web], LIMIT, ValidationFailed),
        ("uptime", [], LIMIT, ValidationFailed),
        ("uptime", [web], timedelta(0), ValidationFailed),
        ("uptime", [web, stranger], LIMIT, InstanceNotFound),
    ]
    for script, machines, limit, kind in refused:
        with pytest.raises(kind):
            await cloud.send(script, machines, limit=limit, key="")


async def test_only_the_newest_runs_are_kept(cloud: Fake, named: Named) -> None:
    web = await named(cloud, "web-server-01")
    first = await cloud.send("uptime", [web], limit=LIMIT, key="first")
    for number in range(5000):
        await cloud.send("uptime", [web], limit=LIMIT, key=f"act-{number}")
    with pytest.raises(ValidationFailed, match="There is no run"):
        await cloud.results(first)
    assert await cloud.send("uptime", [web], limit=LIMIT, key="first") != first
    assert len(cloud._world.runs._keys) == len(cloud._world.runs._runs) == 5000


async def test_a_run_on_hundreds_gives_results_in_order(found: Found, clock: ManualClock) -> None:
    cloud = found(fleet=[], instances=300)
    machines = (await cloud.list(Query())).instances[::-1]
    run = await cloud.send("hostname", machines, limit=LIMIT, key="")
    clock.advance(30)
    results = await cloud.results(run)
    assert [item.instance_id for item in results] == [item.id for item in machines]
    for item, machine in zip(results, machines, strict=True):
        expected = "success" if machine.state == "running" else "unreachable"
        assert item.status == expected

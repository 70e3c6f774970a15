"""Runs of scripts: outcomes and output."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import pytest

from smartops import BackendUnavailable, Instance, InstanceNotFound, ValidationFailed
from smartops.backends import RunResult
from smartops.testing import ManualClock
from smartops_fake.backend import Fake

pytestmark = pytest.mark.anyio

Make = Callable[..., Fake]
Named = Callable[[Fake, str], Awaitable[Instance]]
LIMIT = timedelta(seconds=60)
SLOW = [{"pattern": "migrate", "output": "done\n", "seconds": 20}]


def statuses(results: Sequence[RunResult]) -> list[str]:
    return [item.status for item in results]


async def test_each_instance_has_its_configured_outcome(
    make: Make, clock: ManualClock, named: Named
) -> None:
    cloud = make(
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
    targets = [await named(cloud, name) for name in ("good", "off", "bad", "quiet")]
    run = await cloud.send("deploy", targets, limit=LIMIT, key="")
    assert statuses(await cloud.results(run)) == ["pending"] * 4
    clock.advance(10)
    results = await cloud.results(run)
    assert statuses(results) == ["success", "unreachable", "failed", "unreachable"]
    assert (results[2].exit_code, results[2].errors) == (1, "no space\n")


async def test_a_stop_interrupts_a_run_but_not_one_that_has_ended(
    make: Make, clock: ManualClock, named: Named
) -> None:
    cloud = make(scripts=SLOW)
    web, other = [await named(cloud, name) for name in ("web-server-01", "web-server-02")]
    run = await cloud.send("migrate", [web, other], limit=LIMIT, key="")
    clock.advance(5)
    await cloud.change("stop", [web])
    clock.advance(60)
    await cloud.change("stop", [other])
    await cloud.cancel(run)
    assert statuses(await cloud.results(run)) == ["unreachable", "success"]


async def test_the_agent_is_unreachable_during_a_boot(
    cloud: Fake, clock: ManualClock, named: Named
) -> None:
    old, web = await named(cloud, "old-01"), await named(cloud, "web-server-01")
    await cloud.change("start", [old])
    await cloud.change("reboot", [web])
    clock.advance(7)
    early = await cloud.send("hostname", [old, web], limit=LIMIT, key="")
    clock.advance(30)
    late = await cloud.send("hostname", [old, web], limit=LIMIT, key="")
    clock.advance(10)
    assert statuses(await cloud.results(early)) == ["unreachable"] * 2
    assert statuses(await cloud.results(late)) == ["success"] * 2


async def test_scripts_that_cannot_be_sent_are_refused(make: Make, named: Named) -> None:
    cloud = make(fleet=[{"name": "web"}, {"name": "bare", "agent": "missing"}])
    web, bare = await named(cloud, "web"), await named(cloud, "bare")
    stranger = Instance("i-0beef", "stranger", "t3.micro", "running", "linux")
    refused: list[tuple[str, list[Instance], type[Exception]]] = [
        (" \n", [web], ValidationFailed),
        ("uptime", [], ValidationFailed),
        ("uptime", [web, stranger], InstanceNotFound),
        ("uptime", [web, bare], BackendUnavailable),
    ]
    for script, targets, kind in refused:
        with pytest.raises(kind):
            await cloud.send(script, targets, limit=LIMIT, key="key-1")
    assert await cloud.send("uptime", [web], limit=LIMIT, key="key-1")


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        ("df -h", "Use% Mounted on\n/dev/nvme0n1p1   100G   70G   30G  70% /\n"),
        ("free -m", "Mem:            3973        23"),
        ("uptime", " 12:00:00 up 12 days,  0:00,  0 users,  load average: 0.6"),
        ("systemctl status nginx.service", "active (running) since Thu 2026-11-12 12:00:00 UTC"),
        ("systemctl restart nginx", ""),
        ("seq 3", "1\n2\n3\n"),
        ("echo 'a  b'", "a  b\n"),
    ],
)
async def test_built_in_scripts_print_facts_of_the_instance(
    make: Make, clock: ManualClock, named: Named, script: str, shown: str
) -> None:
    cloud = make(
        fleet=[{"name": "web", "age": "12d", "cpu": 30, "memory": 60, "disk": 70}], seed="x"
    )
    run = await cloud.send(script, [await named(cloud, "web")], limit=LIMIT, key="")
    clock.advance(10)
    (result,) = await cloud.results(run)
    assert (result.status, result.exit_code, result.errors) == ("success", 0, "")
    assert shown in result.output


async def test_windows_has_its_own_scripts(cloud: Fake, clock: ManualClock, named: Named) -> None:
    targets = [await named(cloud, "ad-01"), await named(cloud, "web-server-01")]
    known = await cloud.send("Get-Service", targets, limit=LIMIT, key="")
    unknown = await cloud.send("df -h /", targets, limit=LIMIT, key="")
    clock.advance(10)
    windows, linux = await cloud.results(known)
    assert "Running  DNS" in windows.output
    assert (linux.exit_code, linux.errors) == (
        127,
        "bash: line 1: Get-Service: command not found\n",
    )
    windows, linux = await cloud.results(unknown)
    assert (windows.exit_code, "'df' is not recognized" in windows.errors) == (1, True)

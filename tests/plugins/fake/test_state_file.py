"""The state survives a restart, and processes that share the file share the cloud."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from machines import machine, machines
from smartops import BackendUnavailable, Instance
from smartops.backends import Query
from smartops.testing import ManualClock
from smartops_fake.backend import Fake
from smartops_fake.config import FakeConfig

pytestmark = pytest.mark.anyio

Make = Callable[..., Fake]
Named = Callable[[Fake, str], Awaitable[Instance]]
WEB = "i-0abc123def"
LIMIT = timedelta(seconds=60)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "cloud.json"


def changes(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text())["changes"]


async def test_the_cloud_survives_a_restart(
    make: Make, clock: ManualClock, named: Named, path: Path
) -> None:
    cloud = make(state_file=path, instances=20)
    other = await named(cloud, "web-server-02")
    await cloud.change("stop", machines(WEB))
    await cloud.tag(other, put={"Owner": "ops"}, remove=("Environment",))
    clock.advance(3)
    run = await cloud.send("uptime", [other], limit=LIMIT, key="key-1")
    cancelled = await cloud.send("sleep 50", [other], limit=LIMIT, key="key-2")
    clock.advance(2)
    await cloud.cancel(cancelled)
    again = make(state_file=path, instances=20)
    assert (await named(again, "web-server-01")).state == "stopping"
    clock.advance(30)
    again = make(state_file=path, instances=20)
    assert await again.list(Query()) == await cloud.list(Query())
    assert (await named(again, "web-server-01")).state == "stopped"
    assert (await named(again, "web-server-02")).tags["Owner"] == "ops"
    assert await again.results(run) == await cloud.results(run)
    assert [item.status for item in await again.results(cancelled)] == ["cancelled"]
    assert await again.send("uptime", [other], limit=LIMIT, key="key-1") == run
    assert await again.latest([other]) == await cloud.latest([other])
    assert await again.daily(14) == await cloud.daily(14)


async def test_ages_and_incidents_count_from_the_first_start(
    make: Make, clock: ManualClock, named: Named, path: Path
) -> None:
    incident = {"instance": "batch-01", "metric": "cpu", "value": 95, "since": "30m"}
    section = {"state_file": path, "incidents": [incident]}
    cloud = make(**section)
    await cloud.change("reboot", machines(WEB))
    launched = (await named(cloud, "batch-01")).launched
    clock.advance(86400)
    again = make(**section)
    batch = await named(again, "batch-01")
    assert batch.launched == launched
    since = clock.now() - timedelta(days=1, hours=1)
    series = await again.series("cpu", [batch], since=since, period=timedelta(minutes=10))
    assert [item.value > 90 for item in series[batch.id][:6]] == [False] * 3 + [True] * 3


async def test_an_invalid_state_file_is_a_start_error(make: Make, path: Path) -> None:
    path.parent.mkdir()
    for text in ("not json", "[]", '{"instances": {}}'):
        path.write_text(text)
        with pytest.raises(ValueError, match="is not a state file of the fake cloud") as refused:
            make(state_file=path)
        assert str(path) in str(refused.value)


async def test_saved_instances_that_are_no_longer_configured_are_ignored(
    make: Make, path: Path
) -> None:
    await make(state_file=path).change("stop", machines(WEB))
    cloud = make(state_file=path, fleet=[{"name": "other"}])
    assert (await cloud.list(Query())).counts == {"running": 1}


async def test_processes_that_share_the_file_share_the_cloud(
    make: Make, clock: ManualClock, named: Named, path: Path
) -> None:
    one, two = make(state_file=path), make(state_file=path)
    await one.change("stop", machines(WEB))
    assert (await named(two, "web-server-01")).state == "stopping"
    clock.advance(30)
    await two.change("start", machines(WEB))
    assert (await named(one, "web-server-01")).state == "pending"
    other = await named(one, "web-server-02")
    run = await one.send("uptime", [other], limit=LIMIT, key="key-1")
    assert await two.send("uptime", [other], limit=LIMIT, key="key-1") == run
    clock.advance(10)
    assert await two.results(run) == await one.results(run)


async def test_concurrent_changes_of_two_processes_are_all_saved(make: Make, path: Path) -> None:
    one, two = make(state_file=path), make(state_file=path)
    async with anyio.create_task_group() as group:
        for number in range(20):
            cloud = (one, two)[number % 2]
            group.start_soon(lambda: cloud.tag(machine(WEB), put={f"n{number}": ""}))  # noqa: B023
            await anyio.lowlevel.checkpoint()
    assert len(changes(path)) == 20
    (web,) = (await one.list(Query(ids=(WEB,)))).instances
    assert {f"n{number}" for number in range(20)} <= set(web.tags)


async def test_a_cancelled_caller_leaves_all_or_nothing(make: Make, path: Path) -> None:
    cloud = make(state_file=path)
    for turns in range(8):
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: cloud.tag(machine(WEB), put={f"n{turns}": ""}))  # noqa: B023
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
    (web,) = (await cloud.list(Query(ids=(WEB,)))).instances
    saved = changes(path)
    assert 0 < len(saved) < 8
    assert len([tag for tag in web.tags if tag.startswith("n")]) == len(saved)


async def test_changes_are_refused_if_the_file_cannot_be_written(
    make: Make, named: Named, path: Path
) -> None:
    cloud = make(state_file=path)
    path.parent.write_text("not a folder")
    with pytest.raises(BackendUnavailable, match="cannot write its state"):
        await cloud.change("stop", machines(WEB))
    path.parent.unlink()
    assert (await named(cloud, "web-server-01")).state == "running"


KILLED = """
import sys, anyio
from smartops import Clock
from smartops.backends import Query
from smartops_fake.backend import Fake
from smartops_fake.config import FakeConfig

async def main():
    cloud = Fake.of(FakeConfig(instances=5, state_file=sys.argv[1]), Clock())
    target = (await cloud.list(Query())).instances[0]
    number = 0
    while True:
        await cloud.tag(target, put={"n": str(number)})
        print(number, flush=True)
        number += 1

anyio.run(main)
"""


async def test_an_acknowledged_change_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "cloud.json"
    process = subprocess.Popen(  # noqa: ASYNC220 - a test may wait for its process
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    acknowledged = [int(process.stdout.readline()) for _ in range(50)]
    os.kill(process.pid, signal.SIGKILL)
    acknowledged += [int(line) for line in process.stdout.read().splitlines()]
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    cloud = Fake.of(FakeConfig(instances=5, state_file=path), ManualClock(4_000_000_000))
    (target,) = (await cloud.list(Query(tags={"n": ()}))).instances
    assert int(target.tags["n"]) in (acknowledged[-1], acknowledged[-1] + 1)

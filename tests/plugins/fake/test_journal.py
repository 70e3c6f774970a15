"""What was accepted outlives the process; processes that share a journal share a cloud."""
# ruff: noqa: ASYNC220 - a test may wait for its files and its process

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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from machines import machine, machines
from smartops import BackendUnavailable, Instance, Query, Refusal, ValidationFailed
from smartops.testing import ManualClock
from smartops_fake.backend import Fake
from smartops_fake.config import FakeConfig

pytestmark = pytest.mark.anyio

Found = Callable[..., Fake]
Named = Callable[[Fake, str], Awaitable[Instance]]
WEB = "i-0abc123def"
LIMIT = timedelta(seconds=60)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "journal.jsonl"


def entries(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_a_cloud_outlives_its_process(
    found: Found, clock: ManualClock, named: Named, path: Path
) -> None:
    cloud = found(journal=path, instances=20)
    web, other = [await named(cloud, name) for name in ("web-server-01", "web-server-02")]
    await cloud.act("stop", machines(WEB))
    await cloud.tag(other, put={"Owner": "ops"}, remove=("Environment",))
    clock.advance(3)
    run = await cloud.send("uptime", [other], limit=LIMIT, key="act-1")
    clock.advance(2)
    assert (await named(found(journal=path, instances=20), "web-server-01")).state == "stopping"
    clock.advance(30)
    again = found(journal=path, instances=20)
    assert await again.list(Query()) == await cloud.list(Query())
    assert (await named(again, "web-server-01")).state == "stopped"
    assert dict((await named(again, "web-server-02")).tags) == {
        "Name": "web-server-02",
        "Role": "web",
        "Owner": "ops",
    }
    assert await again.results(run) == await cloud.results(run)
    assert await again.send("uptime", [other], limit=LIMIT, key="act-1") == run
    assert await again.daily(14) == await cloud.daily(14)
    both = [web, other]
    assert await again.latest(both) == await cloud.latest(both)


async def test_the_past_stays_where_it_was_after_a_restart(
    found: Found, clock: ManualClock, named: Named, path: Path
) -> None:
    incident = {"instance": "batch-01", "metric": "cpu", "value": 95, "since": "30m"}
    section = {"journal": path, "incidents": [incident]}
    cloud = found(**section)
    await cloud.act("reboot", machines(WEB))
    launched = (await named(cloud, "batch-01")).launched
    clock.advance(86400)
    again = found(**section)
    batch = await named(again, "batch-01")
    assert batch.launched == launched
    since = clock.now() - timedelta(days=1, hours=1)
    series = await again.series("cpu", [batch], since=since, period=timedelta(minutes=10))
    assert [item.value > 90 for item in series[batch.id][:6]] == [False] * 3 + [True] * 3


async def test_every_accepted_change_is_one_line(
    found: Found, clock: ManualClock, named: Named, path: Path
) -> None:
    cloud = found(journal=path)
    assert not path.exists()
    web = await named(cloud, "web-server-01")
    old = await named(cloud, "old-01")
    await cloud.act("stop", machines(WEB, old.id))
    clock.advance(1.5)
    await cloud.tag(machine(WEB), put={"a": "b"}, remove=("c",))
    run = await cloud.send("df -h", [web], limit=LIMIT, key="act-1")
    assert await cloud.send("df -h", [web], limit=LIMIT, key="act-1") == run
    await cloud.cancel(run)
    for refused in (
        cloud.act("stop", machines("i-0beef")),
        cloud.act("stop", [await named(cloud, "db-01")]),
        cloud.tag(machine("i-0beef"), put={}),
        cloud.check("stop", machines(WEB)),
    ):
        try:
            await refused
        except Refusal:
            continue
    at = clock.time()
    assert entries(path) == [
        {"what": "founded", "at": at - 1.5},
        {"what": "stop", "at": at - 1.5, "ids": [WEB, old.id], "changed": [WEB]},
        {"what": "tag", "at": at, "id": WEB, "put": {"a": "b"}, "remove": ["c"]},
        {
            "what": "send",
            "at": at,
            "run": run,
            "key": "act-1",
            "script": "df -h",
            "ids": [WEB],
            "limit": 60.0,
        },
        {"what": "cancel", "at": at, "run": run},
    ]


async def test_a_line_that_was_not_finished_never_happened(
    found: Found, named: Named, path: Path
) -> None:
    await found(journal=path).act("stop", machines(WEB))
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"what":"start","at":')
    cloud = found(journal=path)
    assert (await named(cloud, "web-server-01")).state == "stopping"
    await cloud.act("reboot", [await named(cloud, "db-01")])
    assert path.read_bytes().startswith(whole)
    assert [entry["what"] for entry in entries(path)] == ["founded", "stop", "reboot"]


async def test_a_founding_that_was_not_finished_is_made_up_for(found: Found, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b'{"what":"foun')
    await found(journal=path).act("stop", machines(WEB))
    assert [entry["what"] for entry in entries(path)] == ["founded", "stop"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"what":"stop","at":1,"ids":[]}\n', "does not begin with the founding"),
        ("not a journal\n", "is no journal entry"),
        ('{"what":"founded","at":1}\n[]\n', "is no journal entry"),
    ],
)
def test_a_file_that_is_no_journal_stops_the_start(
    found: Found, path: Path, text: str, problem: str
) -> None:
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(ValueError, match=problem) as refused:
        found(journal=path)
    assert str(path) in str(refused.value)


async def test_entries_for_machines_that_are_no_more_are_passed_over(
    found: Found, named: Named, path: Path
) -> None:
    await found(journal=path).act("stop", machines(WEB))
    cloud = found(journal=path, fleet=[{"name": "other"}])
    assert (await cloud.list(Query())).counts == {"running": 1}


async def test_clouds_that_share_a_journal_are_one(
    found: Found, clock: ManualClock, named: Named, path: Path
) -> None:
    one, two = found(journal=path), found(journal=path)
    await one.act("stop", machines(WEB))
    assert (await named(two, "web-server-01")).state == "stopping"
    clock.advance(30)
    await two.act("start", machines(WEB))
    assert (await named(one, "web-server-01")).state == "pending"
    web = await named(one, "web-server-02")
    run = await one.send("uptime", [web], limit=LIMIT, key="act-1")
    assert await two.send("uptime", [web], limit=LIMIT, key="act-1") == run
    clock.advance(10)
    assert await two.results(run) == await one.results(run)


async def test_many_changes_at_once_follow_one_another(found: Found, path: Path) -> None:
    one, two = found(journal=path), found(journal=path)
    async with anyio.create_task_group() as group:
        for cloud in (one, two) * 10:
            group.start_soon(cloud.act, "stop", machines(WEB))
    stops = [entry for entry in entries(path) if entry["what"] == "stop"]
    assert [entry["changed"] for entry in stops] == [[WEB]] + [[]] * 19


async def test_a_caller_that_goes_away_leaves_all_or_nothing(
    found: Found, named: Named, path: Path
) -> None:
    cloud = found(journal=path)
    for turns in range(8):
        async with anyio.create_task_group() as group:
            group.start_soon(cloud.act, "reboot", machines(WEB))
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
        written = entries(path)[1:] if path.exists() else []
        machine = cloud._world.index.by_id[WEB]
        assert len(machine.restarts) == len(written)
    assert 0 < len(machine.restarts) < 8


async def test_a_journal_that_was_cut_refuses_changes(
    found: Found, named: Named, path: Path
) -> None:
    cloud = found(journal=path)
    await cloud.act("reboot", machines(WEB))
    path.write_text("")
    with pytest.raises(BackendUnavailable, match="cannot write its journal"):
        await cloud.act("stop", machines(WEB))
    assert (await named(cloud, "web-server-01")).state == "running"


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["start", "stop", "reboot", "tag", "send", "wait"]),
        st.integers(0, 5),
        st.floats(0, 20, allow_nan=False),
    ),
    max_size=12,
)


@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
async def test_living_again_gives_the_same_cloud(steps: Any, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal"
    clock = ManualClock()
    config = FakeConfig(instances=6, journal=path)
    cloud, plain = Fake.of(config, clock), Fake.of(FakeConfig(instances=6), clock)
    everybody = (await cloud.list(Query())).instances
    for each in (cloud, plain):  # the founding is remembered from the first change on
        await each.tag(everybody[0], put={"Founded": "yes"})
    runs = []
    for step, (what, number, seconds) in enumerate(steps):
        machine = everybody[number]
        for each in (cloud, plain):
            try:
                if what == "tag":
                    await each.tag(machine, put={"Name": f"n{number}"}, remove=("Team",))
                elif what == "send":
                    runs.append(
                        await each.send("uptime", everybody, limit=LIMIT, key=f"{step}{what}")
                    )
                elif what != "wait":
                    await each.act(what, [machine])
            except ValidationFailed:
                assert what in ("start", "stop", "reboot")
        clock.advance(seconds)
    again = Fake.of(config, clock)
    assert await again.list(Query()) == await cloud.list(Query()) == await plain.list(Query())
    for run, plain_run in zip(runs[::2], runs[1::2], strict=True):
        results = await cloud.results(run)
        assert await again.results(run) == results == await plain.results(plain_run)


KILLED = """
import sys, anyio
from smartops import Clock, Query
from smartops_fake.backend import Fake
from smartops_fake.config import FakeConfig

async def main():
    cloud = Fake.of(FakeConfig(instances=5, journal=sys.argv[1]), Clock())
    machines = (await cloud.list(Query(states=("running",)))).instances
    number = 0
    while True:
        await cloud.tag(machines[number % len(machines)], put={"n": str(number)})
        print(number, flush=True)
        number += 1

anyio.run(main)
"""


async def test_what_was_acknowledged_is_there_after_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    acknowledged = [int(process.stdout.readline()) for _ in range(200)]
    os.kill(process.pid, signal.SIGKILL)
    acknowledged += [int(line) for line in process.stdout.read().splitlines()]
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    cloud = Fake.of(FakeConfig(instances=5, journal=path), ManualClock(4_000_000_000))
    written = [int(entry["put"]["n"]) for entry in entries(path)[1:]]
    assert written == list(range(len(written)))
    assert acknowledged[-1] in (len(written) - 1, len(written) - 2)
    newest = {item.tags.get("n") for item in (await cloud.list(Query())).instances}
    assert str(written[-1]) in newest

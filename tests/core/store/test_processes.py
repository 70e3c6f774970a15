"""Several processes on one store, and processes that die in the middle."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from smartops.store import Approval, ApprovalMessage, Operation, Store

pytestmark = pytest.mark.anyio

Opener = Callable[[str], Awaitable[Store]]
WORKER = str(Path(__file__).with_name("worker.py"))
Worker = subprocess.Popen[str]


def start(url: str, count: int) -> list[Worker]:
    """Start processes that open a store at once."""
    workers = [
        subprocess.Popen(
            [sys.executable, WORKER, url, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in "abc"[:count]
    ]
    assert [read(worker) for worker in workers] == ["ready"] * count
    return workers


def read(worker: Worker) -> object:
    """Return the next result that a worker prints."""
    assert worker.stdout
    line = worker.stdout.readline()
    assert line, f"the worker ended with {worker.wait()}"
    return json.loads(line)


def send(worker: Worker, *job: str) -> None:
    assert worker.stdin
    worker.stdin.write(f"{json.dumps(job)}\n")
    worker.stdin.flush()


def race(workers: Sequence[Worker], *job: str) -> list[str]:
    """Let all workers do the same job at once; return their results together."""
    for worker in workers:
        send(worker, *job)
    return [item for worker in workers for item in read(worker)]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def replicas(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, list[Worker]]]:
    """The URL of a store, and three processes that created its schema at once."""
    url = f"sqlite:///{tmp_path_factory.mktemp('store')}/new/smartops.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("empty_database_of_module")
    workers = start(url, 3)
    yield url, workers
    for worker in workers:
        send(worker, "stop")
        worker.communicate()
    assert [worker.returncode for worker in workers] == [0] * 3


def test_processes_claim_each_key_once(replicas: tuple[str, list[Worker]]) -> None:
    assert sorted(race(replicas[1], "claim", "200")) == sorted(f"key-{n}" for n in range(200))


def asked(id: str, expires: float) -> tuple[Approval, ApprovalMessage]:
    message = ApprovalMessage(f"key of {id}", id, "api", "room", expires)
    return Approval(id, "alice", "", "", expires, "{}"), message


async def test_processes_accept_each_approval_once(
    replicas: tuple[str, list[Worker]], opened: Opener
) -> None:
    url, workers = replicas
    store = await opened(url)
    tokens = [f"t{n}" for n in range(60)]
    soon = time.time() + 3600  # the workers have real clocks
    for token in tokens:
        await store.add_approval(*asked(token, soon))
    accepted = race(workers, "accept", *tokens)
    operations = await store.operations(limit=1000)
    assert sorted(item.id for item in operations) == sorted(accepted)
    assert sorted(item.id.split("-")[1] for item in operations) == sorted(tokens)
    for item in operations:
        await store.finish(item.id, "done", None)


async def test_processes_adopt_each_orphan_once(
    replicas: tuple[str, list[Worker]], opened: Opener
) -> None:
    url, workers = replicas
    store = await opened(url)
    ids = [f"op-{n}" for n in range(200)]
    for name in ids:
        base = Operation(name, "alice", "stop", "{}", "", "api", "room", "{}", "dead", 1.0)
        await store.begin(replace(base, lease_until=2.0))
    assert sorted(race(workers, "adopt", "20")) == sorted(ids)
    operations = [await store.operation(name) for name in ids]
    assert {item.state for item in operations if item} == {"unknown"}


async def test_durable_writes_survive_kill_9(url: str, store: Store, opened: Opener) -> None:
    soon = time.time() + 3600
    await store.add_approval(*asked("token", soon))
    await store.aclose()
    (worker,) = start(url, 1)
    send(worker, "write", "token")
    assert read(worker) == ["accepted"]
    last = 0
    while last < 40:
        (last,) = read(worker)
    worker.send_signal(signal.SIGKILL)
    assert worker.stdout is not None
    rest = worker.stdout.read()  # communicate() would lose what was read ahead
    worker.communicate()
    last = max([last, *(json.loads(line)[0] for line in rest.splitlines() if line.endswith("]"))])

    store = await opened(url)
    found = await store.approval("token")
    assert found
    assert found.state == "confirmed"
    operation = await store.operation("op")
    assert operation
    assert operation.state == "running"
    assert not any([await store.claim(f"a-{number}") for number in range(1, last + 1)])
    durable = [int(item.request_id) for item in await store.history("alice", 10_000)]
    assert durable[-last:] == list(range(last, 0, -1))
    assert len(durable) <= last + 1
    orphans = await store.orphans(3.0)
    assert orphans == [replace(operation, state="unknown", finished=3.0)]

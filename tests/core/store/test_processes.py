"""Several processes on one store, and processes that die in the middle."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from smartops.store import Approval, ApprovalMessage, Operation, Store

pytestmark = pytest.mark.anyio

WORKER = str(Path(__file__).with_name("worker.py"))
Worker = subprocess.Popen[str]


def hear(worker: Worker) -> object:
    """Return the next thing a worker says."""
    assert worker.stdout
    line = worker.stdout.readline()
    assert line, f"the worker ended with {worker.wait()}"
    return json.loads(line)


def begin(worker: Worker) -> None:
    assert worker.stdin
    worker.stdin.write("\n")
    worker.stdin.flush()


@pytest.fixture
def workers() -> Iterator[Callable[..., list[Worker]]]:
    """Starts processes, one for each list of arguments, that wait to begin."""
    started: list[Worker] = []

    def start(url: str, *jobs: Sequence[str]) -> list[Worker]:
        fresh = [
            subprocess.Popen(
                [sys.executable, WORKER, url, *job],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for job in jobs
        ]
        started.extend(fresh)
        assert [hear(worker) for worker in fresh] == ["ready"] * len(fresh)
        return fresh

    yield start
    for worker in started:
        worker.kill()
        worker.communicate()


def race(workers: Sequence[Worker]) -> list[list[str]]:
    """Let them all go at once, and return what each says in the end."""
    for worker in workers:
        begin(worker)
    found = [hear(worker) for worker in workers]
    assert [worker.wait() for worker in workers] == [0] * len(workers)
    return found


def test_two_processes_claim_each_key_once(url: str, workers) -> None:
    first, second = race(workers(url, ["claim", "a", "1000"], ["claim", "b", "1000"]))
    assert sorted(first + second) == sorted(f"key-{n}" for n in range(1000))


def asked(id: str, expires: float) -> tuple[Approval, ApprovalMessage]:
    message = ApprovalMessage(f"key of {id}", id, "api", "room", expires)
    return Approval(id, "alice", "", "", expires, "{}"), message


async def test_two_processes_accept_each_approval_once(url: str, store: Store, workers) -> None:
    tokens = [f"t{n}" for n in range(60)]
    soon = time.time() + 3600  # the workers go by the clock on the wall
    for token in tokens:
        await store.add_approval(*asked(token, soon))
    first, second = race(workers(url, ["accept", "a", *tokens], ["accept", "b", *tokens]))
    operations = await store.operations(limit=1000)
    assert sorted(item.id for item in operations) == sorted(first + second)
    assert sorted(item.id.split("-")[1] for item in operations) == sorted(tokens)


async def test_two_processes_adopt_each_orphan_once(url: str, store: Store, workers) -> None:
    ids = [f"op-{n}" for n in range(200)]
    for name in ids:
        base = Operation(name, "alice", "stop", "{}", "", "api", "room", "{}", "dead", 1.0)
        await store.begin(replace(base, lease_until=2.0))
    first, second = race(workers(url, ["adopt", "a", "20"], ["adopt", "b", "20"]))
    assert sorted(first + second) == sorted(ids)
    assert {item.state for item in await store.operations(limit=1000)} == {"unknown"}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_processes_that_make_the_schema_at_once(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, workers
) -> None:
    path = tmp_path / "new" / "smartops.db"
    url = f"sqlite:///{path}" if kind == "sqlite" else request.getfixturevalue("empty_database")
    for worker in workers(url, *[["open_only", name] for name in "abc"]):
        begin(worker)
        assert worker.wait() == 0


async def test_durable_writes_survive_kill_9(url: str, store: Store, opened, workers) -> None:
    soon = time.time() + 3600
    await store.add_approval(*asked("token", soon))
    await store.aclose()
    (worker,) = workers(url, ["promise", "here", "token"])
    begin(worker)
    assert hear(worker) == ["accepted"]
    last = 0
    while last < 40:
        (last,) = hear(worker)
    worker.send_signal(signal.SIGKILL)
    rest, _ = worker.communicate()
    last = max([last, *(json.loads(line)[0] for line in rest.splitlines() if line.endswith("]"))])

    store = await opened(url)
    found = await store.approval("token")
    assert found
    assert found.state == "confirmed"
    operation = await store.operation("op")
    assert operation
    assert operation.state == "running"
    assert not any([await store.claim(f"here-{number}") for number in range(1, last + 1)])
    durable = [int(item.request_id) for item in await store.history("alice", 10_000)]
    assert durable[-last:] == list(range(last, 0, -1))
    assert len(durable) <= last + 1
    orphans = await store.orphans(3.0)
    assert orphans == [replace(operation, state="unknown", finished=3.0)]

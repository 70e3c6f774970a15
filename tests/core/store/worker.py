"""A replica in a process of its own: ``python worker.py URL NAME``.

It opens the store and prints ``ready``. For each line of input, a job and its
arguments as JSON, it prints the result.
"""

import json
import random
import sys
from dataclasses import replace

import anyio

from smartops.services import Clock
from smartops.store import AuditEvent, Operation, Store


def show(value: object) -> None:
    print(json.dumps(value), flush=True)


def operation(id: str, owner: str) -> Operation:
    return Operation(
        id, "alice", "stop web", "{}", "", "api", "room", "{}", owner, 1.0, lease_until=2.0
    )


async def claim(store: Store, name: str, count: str) -> None:
    """Print which keys this process claimed; ten at a time, in an order of its own."""
    mine = []
    numbers = random.Random(name).sample(range(int(count)), int(count))

    async def one(number: int) -> None:
        if await store.claim(f"key-{number}"):
            mine.append(f"key-{number}")

    for start in range(0, int(count), 10):
        async with anyio.create_task_group() as group:
            for number in numbers[start : start + 10]:
                group.start_soon(one, number)
    show(mine)


async def accept(store: Store, name: str, *tokens: str) -> None:
    """Print the operations whose approvals this process accepted."""
    mine = []
    for token in tokens:
        begun = replace(operation(f"op-{token}-{name}", name), approval_id=token)
        if await store.accept(token, begun):
            mine.append(begun.id)
    show(mine)


async def adopt(store: Store, name: str, count: str) -> None:
    """Print which orphans this process adopted."""
    mine: list[str] = []
    for _ in range(int(count)):
        mine += [item.id for item in await store.orphans(3.0)]
    show(mine)


async def write(store: Store, name: str, token: str) -> None:
    """Print the number of each write that is durable, until the process is killed."""
    await store.accept(token, replace(operation("op", name), approval_id=token))
    show(["accepted"])
    number = 0
    while True:
        number += 1
        assert await store.claim(f"{name}-{number}")
        store.add_audit_event(AuditEvent(at=1.0, request_id=f"{number}", person="alice"))
        assert await store.claim(f"{name}-{number}-after")  # so the event is durable as well
        show([number])


async def main(url: str, name: str) -> None:
    store = await Store.open(url, Clock())
    show("ready")
    jobs = {item.__name__: item for item in (claim, accept, adopt, write)}
    while (line := json.loads(await anyio.to_thread.run_sync(sys.stdin.readline)))[0] != "stop":
        job, *arguments = line
        await jobs[job](store, name, *arguments)
    await store.aclose()


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])

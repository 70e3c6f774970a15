"""A replica in a process of its own: ``python worker.py URL JOB ARGUMENTS``.

It opens the store, prints ``ready``, waits for a line to begin with, and
prints what came of it as JSON, one line a step, so that a reader knows what
had been promised when it was killed.
"""

import json
import random
import sys
from dataclasses import replace

import anyio

from smartops.services import Clock
from smartops.store import AuditEvent, Operation, Store


def say(value: object) -> None:
    print(json.dumps(value), flush=True)


def operation(id: str, owner: str) -> Operation:
    return Operation(
        id, "alice", "stop web", "{}", "", "api", "room", "{}", owner, 1.0, lease_until=2.0
    )


async def open_only(store: Store, name: str) -> None:
    """Do nothing but be open."""


async def claim(store: Store, name: str, count: str) -> None:
    """Say which of the acts were this process's; ten at a time, in an order of its own."""
    mine = []
    numbers = random.Random(name).sample(range(int(count)), int(count))

    async def one(number: int) -> None:
        if await store.claim(f"key-{number}"):
            mine.append(f"key-{number}")

    for start in range(0, int(count), 10):
        async with anyio.create_task_group() as group:
            for number in numbers[start : start + 10]:
                group.start_soon(one, number)
    say(mine)


async def accept(store: Store, name: str, *tokens: str) -> None:
    """Say which of the approvals this process accepted."""
    mine = []
    for token in tokens:
        begun = replace(operation(f"op-{token}-{name}", name), approval_id=token)
        if await store.accept(token, begun):
            mine.append(begun.id)
    say(mine)


async def adopt(store: Store, name: str, count: str) -> None:
    """Say which orphans this process got."""
    mine: list[str] = []
    for _ in range(int(count)):
        mine += [item.id for item in await store.orphans(3.0)]
    say(mine)


async def promise(store: Store, name: str, token: str) -> None:
    """Say what is durable, on and on, until killed."""
    await store.accept(token, replace(operation("op", name), approval_id=token))
    say(["accepted"])
    number = 0
    while True:
        number += 1
        assert await store.claim(f"{name}-{number}")
        store.add_audit_event(AuditEvent(at=1.0, request_id=f"{number}", person="alice"))
        assert await store.claim(f"{name}-{number}-after")  # so the record is durable as well
        say([number])


async def main(url: str, job: str, *arguments: str) -> None:
    store = await Store.open(url, Clock())
    say("ready")
    await anyio.to_thread.run_sync(sys.stdin.readline)
    jobs = {item.__name__: item for item in (open_only, claim, accept, adopt, promise)}
    await jobs[job](store, *arguments)
    await store.aclose()


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])

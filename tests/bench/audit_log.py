"""What a large audit log costs: adding events, a filtered page, and verifying it.

    python tests/bench/audit_log.py [--events 1000000] [--folder FOLDER | --url URL]

The log is a SQLite file in the folder, made at the first run and used again, or the database
under the URL. Nothing here is a test; the machine decides the figures. The aims are at most 50 ms
for a page of a million events, at least 200,000 verified events a second of CPU, and that a
message that reads costs at most 5 % more with its audit event than without.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from pathlib import Path

import anyio
from inprocess import ROUNDS, cost, plugin, running

from smartops.services import Clock
from smartops.store import AuditEvent, AuditSearch, Store, verify_audit_log

START = 1_700_000_000.0
INTERVAL = 7.7
"""Seconds between two events."""
PEOPLE = ["alice", "bob", "carol", *(f"person-{number}" for number in range(97))]
COMMANDS = ["list instances", "stop", "start", "show", "check health", "execute", "reboot"]
FAILURES = ["PERMISSION_DENIED", "TIMEOUT", "pending", "VALIDATION_ERROR"]
SEARCHES = {
    "all": AuditSearch(),
    "a person": AuditSearch(person="bob"),
    "a command": AuditSearch(command="stop"),
    "an outcome": AuditSearch(outcome="PERMISSION_DENIED"),
    "a common target": AuditSearch(target="web-1"),
    "a rare target": AuditSearch(target="web-3001"),
    "a day": AuditSearch(since=START + 1e6, until=START + 1e6 + 86_400),
    "a person's day": AuditSearch(person="bob", since=START + 1e6, until=START + 1e6 + 86_400),
    "person, command, outcome": AuditSearch("bob", "stop", None, "PERMISSION_DENIED"),
    "all conditions": AuditSearch("bob", "stop", "web-1", "PERMISSION_DENIED", START + 6e6),
    "what no person ran": AuditSearch(person="alice", command="nothing"),
}


def event(number: int, chance: random.Random) -> AuditEvent:
    """Return an event as a busy team makes them."""
    name = chance.choice(COMMANDS)
    machine = chance.randrange(2000) if chance.random() < 0.99 else 3000 + chance.randrange(10)
    targets = [{"id": f"i-{machine:08x}", "name": f"web-{machine}"}]
    return AuditEvent(
        at=START + number * INTERVAL,
        request_id=f"{number:032x}",
        idempotency_key=f"{number:064x}",
        person=chance.choices(PEOPLE, [30, 20, *[1] * 98])[0],
        identity="corp:tenant:user",
        place="api",
        command=name,
        text=f"{name} web-{machine}",
        rule="operators",
        outcome="success" if chance.random() < 0.9 else chance.choice(FAILURES),
        seconds=0.012,
        targets=json.dumps(targets) if name != "list instances" else "",
    )


async def fill(store: Store, events: int) -> None:
    """Add the events if there are none."""
    if await store.audit_events(AuditSearch(), 1):
        return
    chance, begin = random.Random(1), time.process_time()
    for number in range(events):
        store.add_audit_event(event(number, chance))
        if number % 5000 == 4999:
            await store.checkpoint()
    await store.checkpoint()
    print(f"adding               {(time.process_time() - begin) / events * 1e6:8.1f} µs an event")


async def page(store: Store, search: AuditSearch) -> float:
    """Return the best time of a page in milliseconds."""
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        await store.audit_events(search, 50)
        times.append((time.perf_counter() - begin) * 1000)
    return min(times)


async def reads() -> None:
    """Print what a read costs with its audit event and without, in turns."""
    name = plugin(1).__name__
    async with running(f"  {name}:\n") as app:
        add = app.store.add_audit_event
        costs: dict[bool, list[float]] = {True: [], False: []}
        for turn in range(2 * ROUNDS):
            for audited in (True, False) if turn % 2 else (False, True):
                app.store.add_audit_event = add if audited else _nothing  # type: ignore[method-assign]
                costs[audited].append(await cost(app, "speak 1", 500))
    with_event, without = min(costs[True]), min(costs[False])
    print(
        f"a read               {with_event:8.1f} µs, {with_event / without - 1:.1%} for its event"
    )


def _nothing(event: AuditEvent) -> None:
    pass


async def main(events: int, url: str) -> None:
    """Measure all."""
    store = await Store.open(url, Clock())
    await fill(store, events)
    for name, search in SEARCHES.items():
        print(f"page of {name:25} {await page(store, search):8.1f} ms")
    await store.aclose()
    begin = time.process_time()
    report = verify_audit_log(url, None)
    seconds = time.process_time() - begin
    print(f"verifying            {report.events / seconds:8,.0f} events/s   {report.findings}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=None, help="where the log stays")
    parser.add_argument("--url", default="", help="the database, instead of SQLite")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        file = (given.folder or Path(temporary)) / f"audit-{given.events}.db"
        anyio.run(main, given.events, given.url or f"sqlite:///{file}?synchronous=normal")
    anyio.run(reads)

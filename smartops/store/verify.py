"""Verifying the audit log: that no event was changed, removed, inserted or moved.

The events must form unbroken chains, and reach as far as every checkpoint says. Checkpoints
must follow each other without a gap, and the last one must be signed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from .audit import names_of
from .chain import BEGIN, COLUMNS, Head, canonical, link
from .checkpoints import NONE, Checkpoint, digest_of, read_note
from .database import Database
from .tables import audit_checkpoints, audit_events, audit_targets

Trusts = Callable[[Checkpoint], bool]
"""Whether a checkpoint has a valid signature."""
MAX = 20
"""The maximum number of findings that are reported."""
_PAGE = 2000


@dataclass
class Report:
    """What was verified, and what is wrong."""

    events: int = 0
    chains: int = 0
    checkpoints: int = 0
    unchained: int = 0
    findings: list[str] = field(default_factory=list)


def verify(database: Database, trusts: Trusts | None, held: Sequence[str] = ()) -> Report:
    """Verify the whole audit log, against checkpoints that are ``held`` elsewhere too.

    Without ``trusts`` signatures are not looked at.
    """
    report = Report()
    with database.readers.connect() as connection:
        findings = _findings(connection, trusts, held, report)
        for finding in findings:
            report.findings.append(finding)
            if len(report.findings) == MAX:
                break
    return report


def _findings(
    connection: Connection, trusts: Trusts | None, held: Sequence[str], report: Report
) -> Iterator[str]:
    rows = connection.execute(select(audit_checkpoints).order_by(audit_checkpoints.c.number))
    stored = [(row.number, row.note) for row in rows]
    report.checkpoints = len(stored)
    yield from _checkpoint_findings(stored, trusts)
    notes = dict(stored)
    for note in held:
        checkpoint = read_note(note)
        name = f"checkpoint {checkpoint.number} of {checkpoint.at}, held elsewhere,"
        if trusts is not None and not trusts(checkpoint):
            yield f"{name} has no valid signature"
        if checkpoint.number not in notes:
            yield f"{name} is not in the database: an older copy was restored, or the end was cut"
        elif digest_of(notes[checkpoint.number]) != digest_of(note):
            yield f"{name} is not the one in the database: the log was rewritten"
        notes[checkpoint.number] = note
    yield from _event_findings(connection, [read_note(note) for note in notes.values()], report)
    yield from _target_findings(connection)


def _checkpoint_findings(stored: Sequence[tuple[int, str]], trusts: Trusts | None) -> Iterator[str]:
    previous = NONE
    for expected, (number, note) in enumerate(stored, 1):
        checkpoint = read_note(note)
        if checkpoint.number != number or number != expected:
            yield f"checkpoint {expected} is missing"
            return
        if checkpoint.previous != previous:
            yield f"checkpoint {number} does not follow the one before: one of them was changed"
        previous = digest_of(note)
    if stored and trusts is not None and not trusts(read_note(stored[-1][1])):
        yield f"checkpoint {stored[-1][0]}, the last one, has no valid signature"


class _Walk:
    """Where each chain is, and what checkpoints say that it must reach."""

    def __init__(self, checkpoints: Sequence[Checkpoint]) -> None:
        self.at: dict[str, Head] = {}
        self.begins: dict[str, Head] = {}
        self.conflicts: list[str] = []
        self.reaches: dict[tuple[str, int], bytes] = {}
        for item in checkpoints:
            for chain, head in item.removed.items():
                self.begins[chain] = max(head, self.begins.get(chain, BEGIN))
            for chain, head in (*item.heads.items(), *item.removed.items()):
                if self.reaches.setdefault((chain, head.seq), head.hash) != head.hash:
                    self.conflicts.append(f"checkpoint {item.number} contradicts an earlier one")

    def problem(self, chain: str, seq: int, stored: bytes, found: bytes) -> str:
        """Return what is wrong with the event at that place."""
        expected = self.at.get(chain, self.begins.get(chain, BEGIN)).seq + 1
        if seq > expected:
            return f"events {expected} to {seq - 1} of its chain are missing before it"
        if seq < expected:
            return "it is not in the order of its chain: it was inserted or moved"
        if stored != found:
            return "it was changed, or an event before it was"
        return ""


def _event_findings(
    connection: Connection, checkpoints: Sequence[Checkpoint], report: Report
) -> Iterator[str]:
    walk = _Walk(checkpoints)
    at, begins, reaches = walk.at, walk.begins, walk.reaches
    yield from walk.conflicts
    for event, stored, *row in _events(connection):
        seq, chain = row[2], row[4]
        report.events += 1
        if not chain:
            report.unchained += 1
            if at or begins:
                yield f"event {event} belongs to no chain: it was inserted"
            continue
        last = at.get(chain) or begins.get(chain, BEGIN)
        found = link(last[1], canonical(row))
        if seq != last[0] + 1 or found != stored:
            yield f"event {event} ({chain} {seq}): {walk.problem(chain, seq, stored, found)}"
        elif reaches.pop((chain, seq), found) != found:
            yield f"event {event} ({chain} {seq}) is not that of its checkpoint: it was rewritten"
        at[chain] = Head(seq, stored or b"")
    report.chains = len(at)
    if at and not checkpoints:
        yield "there is no checkpoint"
    for (chain, seq), _ in sorted(reaches.items()):
        if seq > at.get(chain, begins.get(chain, BEGIN)).seq:
            yield f"{chain} ends before its event {seq}, which a checkpoint names: the end was cut"


def _events(connection: Connection) -> Iterator[Any]:
    columns = audit_events.c
    wanted = [columns.id, columns.hash, *(columns[name] for name in COLUMNS)]
    query = select(*wanted).order_by(columns.id).execution_options(yield_per=_PAGE)
    yield from connection.execute(query)


def _target_findings(connection: Connection) -> Iterator[str]:
    """Find events that a search by target would miss, or find although it is not theirs."""
    columns = audit_events.c
    having = select(columns.id, columns.targets).where(columns.targets != "")
    ordered = having.order_by(columns.id).execution_options(yield_per=_PAGE)
    listed = select(audit_targets).order_by(audit_targets.c.event)
    links = iter(connection.execute(listed.execution_options(yield_per=_PAGE)))
    link = next(links, None)
    for event, targets in connection.execute(ordered):
        found = set()
        while link is not None and link.event <= event:
            found.add(link.target if link.event == event else "")
            link = next(links, None)
        if found != names_of(targets):
            yield f"event {event} is not found by its targets: their list was changed"
    if link is not None:
        yield f"event {link.event} is found by a target that it does not have"

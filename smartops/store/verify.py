"""Verifying the audit log: that no event was changed, removed, inserted or moved.

The events must form unbroken chains, and reach as far as every checkpoint says. Checkpoints
must follow each other without a gap, and the last one must be signed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice

from sqlalchemy import Connection, select

from .audit import names_of
from .chain import BEGIN, COLUMNS, KIND, TARGETS, Head, Row, canonical, link
from .checkpoints import NONE, Checkpoint, digest_of, read_note
from .database import Database, database
from .schema import migrate
from .tables import audit_checkpoints, revoked

Trusts = Callable[[Checkpoint], bool]
"""Whether a checkpoint has a valid signature."""
MAX = 20
"""The maximum number of findings that are reported."""
_LAST = 2**63 - 1
_EVENTS = (
    f"SELECT id, hash, {', '.join(COLUMNS)} FROM audit_events "  # noqa: S608 - our own names
    "WHERE id > ? ORDER BY id LIMIT 2000"
)
for _name in ("at", "seconds"):  # in microseconds
    _EVENTS = _EVENTS.replace(f" {_name},", f" {_name} * 1e6,")
_LINKS = "SELECT event, target FROM audit_targets WHERE event > ? AND event <= ?"
_REVOKED = re.compile(r"token (\S+) revoked until (\S+ \S+) UTC")
_SEQ, _CHAIN = COLUMNS.index("seq"), COLUMNS.index("chain")
_TARGETS = TARGETS + 2


@dataclass
class Report:
    """What was verified, and what is wrong."""

    events: int = 0
    chains: int = 0
    checkpoints: int = 0
    unchained: int = 0
    findings: list[str] = field(default_factory=list)


def verify_audit_log(url: str, trusts: Trusts | None, held: Sequence[str] = ()) -> Report:
    """Verify the audit log of the store under ``url``; raises StartupError."""
    opened = database(url)
    try:
        migrate(opened)
        return verify(opened, trusts, held)
    finally:
        opened.dispose()


def verify(opened: Database, trusts: Trusts | None, held: Sequence[str] = ()) -> Report:
    """Verify the whole audit log, against checkpoints that are ``held`` elsewhere too.

    Without ``trusts`` signatures are not looked at.
    """
    report = Report()
    with opened.readers.connect() as connection:
        _begin(connection)
        findings = _findings(connection, trusts, held, report)
        with closing(findings):
            report.findings += islice(findings, MAX)
    return report


def _begin(connection: Connection) -> None:
    """Begin a transaction that sees the log as it is now, while servers continue to write."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")
    else:
        connection.execution_options(isolation_level="REPEATABLE READ")


def _findings(
    connection: Connection, trusts: Trusts | None, held: Sequence[str], report: Report
) -> Generator[str]:
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
        self.at: dict[str, tuple[int, bytes]] = {}
        self.begins: dict[str, Head] = {}
        self.conflicts: list[str] = []
        self.reaches: dict[tuple[str, int], bytes] = {}
        for item in checkpoints:
            for chain, head in item.removed.items():
                self.begins[chain] = max(head, self.begins.get(chain, BEGIN))
            for chain, head in (*item.heads.items(), *item.removed.items()):
                if self.reaches.setdefault((chain, head.seq), head.hash) != head.hash:
                    self.conflicts.append(f"checkpoint {item.number} contradicts an earlier one")

    def check(self, stored: bytes | None, content: Row) -> str:
        """Check the next event; return what is wrong with it, or nothing."""
        seq, chain = content[_SEQ], content[_CHAIN]
        last = self.at.get(chain) or self.begins.get(chain, BEGIN)
        found = link(last[1], canonical(content))
        self.at[chain] = seq, stored or b""
        if seq == last[0] + 1 and found == stored:
            known = self.reaches.pop((chain, seq), found)
            return "" if known == found else "it is not that of its checkpoint: it was rewritten"
        if seq > last[0] + 1:
            return f"events {last[0] + 1} to {seq - 1} of its chain are missing before it"
        if seq <= last[0]:
            return "it is not in the order of its chain: it was inserted or moved"
        return "it was changed, or an event before it was"

    def cut(self) -> Iterator[str]:
        """Yield the chains that do not reach as far as a checkpoint says."""
        for chain, seq in sorted(self.reaches):
            if seq > self.at.get(chain, self.begins.get(chain, BEGIN))[0]:
                yield f"{chain} ends before event {seq} of its checkpoint: the end was cut"


def _event_findings(
    connection: Connection, checkpoints: Sequence[Checkpoint], report: Report
) -> Iterator[str]:
    walk, last = _Walk(checkpoints), 0
    revocations: dict[str, str] = {}
    yield from walk.conflicts
    while page := _rows(connection, _EVENTS, last):
        links = _rows(connection, _LINKS, last, page[-1][0])
        yield from _target_findings(page, links)
        last = page[-1][0]
        report.events += len(page)
        for row in page:
            event, content = row[0], row[2:]
            if content[KIND] == "token":
                revocations.update(_REVOKED.findall(content[-1]))
            if not content[_CHAIN]:
                report.unchained += 1
                if walk.at or walk.begins:
                    yield f"event {event} belongs to no chain: it was inserted"
            elif problem := walk.check(row[1], content):
                yield f"event {event} ({content[_CHAIN]} {content[_SEQ]}): {problem}"
    yield from _target_findings([], _rows(connection, _LINKS, last, _LAST))
    report.chains = len(walk.at)
    if walk.at and not checkpoints:
        yield "there is no checkpoint"
    yield from walk.cut()
    yield from _revocation_findings(connection, revocations)


def _revocation_findings(connection: Connection, revocations: dict[str, str]) -> Iterator[str]:
    """Yield the revoked tokens that are accepted again although they have not expired."""
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
    stored = set(connection.execute(select(revoked.c.jti)).scalars())
    for jti, until in revocations.items():
        if until > now and jti not in stored:
            yield f"the revocation of the token {jti} was removed"


def _rows(connection: Connection, query: str, *values: int) -> list[Row]:
    """Return rows as the driver returns them: there are millions."""
    cursor = connection.connection.cursor()
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    cursor.execute(query.replace("?", mark), values)
    return list(cursor.fetchall())


def _target_findings(page: Sequence[Row], links: Sequence[Row]) -> Iterator[str]:
    """Yield the events that are not found by the ids and names in their targets, and no others."""
    right = {(row[0], name) for row in page if row[_TARGETS] for name in names_of(row[_TARGETS])}
    for event in sorted({event for event, _ in right.symmetric_difference(links)}):
        yield f"event {event} is not what a search by its targets finds"

"""Audit events: who did what; and revoked tokens."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import takewhile
from pathlib import Path

import anyio
import anyio.to_thread
from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    ScalarSelect,
    Table,
    delete,
    func,
    insert,
    literal_column,
    select,
)

from smartops.contained import Caught
from smartops.services import Clock

from .access import Access, upsert
from .chain import COLUMNS, TARGETS, Head, Row
from .checkpoints import Signer, add_checkpoint
from .database import Database
from .rows import AuditEvent, AuditSearch, StoreUnavailable
from .tables import audit_events, audit_targets, revoked

log = logging.getLogger("smartops.store")

ANSWERS = ("", "asked", "cancelled", "finished", "denied", "refused", "unknown")
"""The kinds of audit events about what became of a message."""
FORGED = 1000
"""The maximum number of forged rows that a process reports."""

event_columns = [audit_events.c[name] for name in AuditEvent.__slots__]
_ADD_TARGETS = insert(audit_targets).inline()
_ROW = (*COLUMNS, "hash")
_INTO = f"INSERT INTO audit_events ({', '.join(_ROW)}) VALUES "  # noqa: S608 - our own names
_ADD = {  # in SQL, as each message adds a row, and SQLAlchemy doubles what that costs
    "sqlite": f"{_INTO} ({', '.join('?' for _ in _ROW)})",
    "postgresql": f"{_INTO} ({', '.join('%s' for _ in _ROW)})",
}


def _add(connection: Connection, rows: list[Row]) -> None:
    add = _ADD[connection.dialect.name]
    if not any(row[TARGETS] for row in rows):
        connection.exec_driver_sql(add, rows)
        return
    links: list[dict[str, object]] = []
    for row in rows:
        event = connection.exec_driver_sql(f"{add} RETURNING id", row).scalar_one()
        links += [{"target": name, "event": event} for name in names_of(row[TARGETS])]
    connection.execute(_ADD_TARGETS, links)


def remove_first(
    connection: Connection, before: float, now: float, limit: int
) -> tuple[int, dict[str, Head]]:
    """Delete up to ``limit`` events before that time; return how many, and the last by chain.

    Only those at the front are deleted. An event of the future, as a clock was wrong, is
    deleted with those after it.
    """
    columns = audit_events.c
    first = select(columns.id, columns.at).where(columns.at <= now).order_by(columns.id)
    rows = connection.execute(first.limit(limit)).all()
    old = list(takewhile(lambda row: row.at < before, rows))
    if not old:
        return 0, {}
    last = old[-1].id
    ends = select(func.max(columns.id)).where(columns.id <= last, columns.chain != "")
    heads = select(columns.chain, columns.seq, columns.hash)
    heads = heads.where(columns.id.in_(ends.group_by(columns.chain)))
    removed = {row.chain: Head(row.seq, row.hash) for row in connection.execute(heads)}
    connection.execute(delete(audit_targets).where(audit_targets.c.event <= last))
    connection.execute(delete(audit_events).where(columns.id <= last))
    return len(old), removed


@lru_cache(4096)
def names_of(targets: str) -> frozenset[str]:
    """Return the ids and names in the targets of an audit event."""
    found = json.loads(targets) if targets else []
    return frozenset(name for item in found for name in (item["id"], item["name"]) if name)


class Audit(Access):
    """Audit events, which are only ever added, and the tokens that are refused.

    ``signer`` signs checkpoints, and ``checkpoint_file`` gets a copy of each.
    """

    def __init__(self, database: Database, clock: Clock, owner: str) -> None:
        super().__init__(database, clock, owner)
        self.signer: Signer | None = None
        self.checkpoint_file: Path | None = None
        self._forged: set[tuple[str, object]] = set()

    async def checkpoint(self) -> bool:
        """Add a signed note of how far the events have come; False if there are no new ones."""

        def add(connection: Connection) -> str:
            return add_checkpoint(connection, self._chain, self.signer, self._clock.time(), {})

        note = await self._write(add, repeatable=False)
        await self._publish([note])
        return bool(note)

    async def _publish(self, notes: Sequence[str]) -> None:
        """Write notes to the file of checkpoints, if there is one."""
        file, text = self.checkpoint_file, "".join(f"{note}\n" for note in notes if note)
        if file is not None and text:
            with Caught(log, "a checkpoint was not written to %s", file):
                await anyio.to_thread.run_sync(_append, file, text)

    def add_audit_event(self, event: AuditEvent) -> None:
        """Add an audit event, soon. Raises StoreUnavailable if too many writes wait."""
        self._writer.queue(self._add_events, row=event)

    def _add_events(self, connection: Connection, events: Sequence[AuditEvent]) -> None:
        _add(connection, [self._chain.extend(event) for event in events])

    def _add_with(self, connection: Connection, event: AuditEvent | None) -> None:
        """Add an event in the transaction of what it is about."""
        if event is not None:
            self._add_events(connection, [event])

    def _valid(self, table: Table, rows: Iterable[RowMapping]) -> list[RowMapping]:
        """Return the rows that SmartOps wrote; others are reported, once each."""
        return [row for row in rows if self._is_valid(table, row)]

    def _is_valid(self, table: Table, row: RowMapping) -> bool:
        if self._seal.is_valid(table, row):
            return True
        key = " ".join(str(row[column.name]) for column in table.primary_key)
        if (table.name, key) not in self._forged and len(self._forged) < FORGED:
            self._forged.add((table.name, key))
            log.error("refused: SmartOps did not write %s in the table %s", key, table.name)
            text = f"a row of {table.name} that SmartOps did not write: {key}"
            event = AuditEvent.of("forged", self._clock.time(), text, outcome="refused")
            with suppress(StoreUnavailable):  # it is logged
                self.add_audit_event(event)
        return False

    async def history(self, person: str, limit: int) -> list[AuditEvent]:
        """Return what became of a person's messages, newest first."""
        query = select(*event_columns).where(audit_events.c.person == person)
        query = query.where(audit_events.c.kind.in_(ANSWERS)).order_by(audit_events.c.id.desc())
        return [AuditEvent(**row) for row in await self._read(query.limit(limit))]

    async def audit_events(
        self, search: AuditSearch, limit: int, *, before: int = 0, after: int | None = None
    ) -> list[AuditEvent]:
        """Return the audit events that meet the search, newest first.

        Those of the next page come ``before`` the last id of this one. With ``after``
        they are the events after that id, oldest first.
        """
        key = audit_events.c.id
        query = select(*event_columns).where(*_conditions(search)).limit(limit)
        if after is not None:
            query = query.where(key > after).order_by(key)
        else:
            query = query.where(*([key < before] if before else [])).order_by(key.desc())
        return [AuditEvent(**row) for row in await self._read(query)]

    async def revoke(self, jti: str, until: float, event: AuditEvent | None = None) -> None:
        """Refuse the token with this id; it would have expired at ``until``."""
        row = {"jti": jti, "until": until}

        def add(connection: Connection) -> None:
            upsert(connection, revoked, row)
            self._add_with(connection, event)

        await self._write(add)

    async def revoked(self) -> set[str]:
        """Return the ids of the revoked tokens that have not expired."""
        rows = await self._read(select(revoked.c.jti).where(revoked.c.until > self._clock.time()))
        return {row["jti"] for row in rows}


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


SKEW = 60.0
"""The seconds by which clocks of replicas may differ; beyond that, ids are in order of time."""


def _conditions(search: AuditSearch) -> Iterator[ColumnElement[bool]]:
    columns = audit_events.c
    for name in ("person", "command", "outcome", "kind"):
        if (wanted := getattr(search, name)) is not None:
            yield columns[name] == wanted
    if search.outcome not in (None, "success"):
        yield columns.outcome != literal_column("'success'")  # what the index is limited to
    for name in ("approval", "operation"):
        if wanted := getattr(search, name):
            yield columns[f"{name}_id"] == wanted
            yield columns[f"{name}_id"] != literal_column("''")  # as above
    if search.target is not None:
        found = select(audit_targets.c.event).where(audit_targets.c.target == search.target)
        yield columns.id.in_(found)
    if search.since is not None:
        yield columns.at >= search.since
        yield columns.id >= func.coalesce(_first(search.since - SKEW), _LAST)
    if search.until is not None:
        yield columns.at < search.until
        yield columns.id <= func.coalesce(_first(search.until + SKEW), _LAST)


_LAST = 2**63 - 1


def _first(at: float) -> ScalarSelect[int]:
    """Return the id of the first event at or after a time."""
    later = select(audit_events.c.id).where(audit_events.c.at >= at)
    return later.order_by(audit_events.c.at).limit(1).scalar_subquery()

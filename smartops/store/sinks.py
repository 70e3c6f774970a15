"""Reading the audit log in order, from positions that are stored for each reader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, select, update

from .access import insert
from .audit import Audit, event_columns
from .rows import AuditEvent
from .tables import audit_checkpoints, audit_events, audit_sinks


class Position(NamedTuple):
    """The last audit event and the last checkpoint that were read."""

    event: int = 0
    checkpoint: int = 0


class Link(NamedTuple):
    """An audit event and its place in the chain of its process."""

    event: AuditEvent
    chain: str
    seq: int
    hash: str


class Sinks(Audit):
    """The positions of those that read the audit log, each with a lease."""

    async def take_sink(self, name: str, lease: float) -> Position | None:
        """Return the position of a reader, which is this process's for ``lease`` seconds.

        None if another process has it. A position that SmartOps did not write is the first.
        """
        now = self._clock.time()
        first = {"name": name, "event": 0, "checkpoint": 0, "owner": "", "lease_until": 0.0}
        row = self._seal.sealed(audit_sinks, first)
        columns = audit_sinks.c
        mine = (columns.owner == self.owner) | (columns.lease_until <= now)
        statement = (
            update(audit_sinks)
            .where(columns.name == name, mine)
            .values(owner=self.owner, lease_until=now + lease)
            .returning(audit_sinks)
        )

        def take(connection: Connection) -> Position | None:
            new = insert(audit_sinks, connection.dialect.name).values(row)
            connection.execute(new.on_conflict_do_nothing())
            found = connection.execute(statement).mappings().first()
            if found is None:
                return None
            if not self._is_valid(audit_sinks, found):
                return Position()
            return Position(found["event"], found["checkpoint"])

        return await self._write(take)

    async def advance_sink(self, name: str, position: Position) -> None:
        """Store how far a reader of this process has come."""
        mine = audit_sinks.c.name == name, audit_sinks.c.owner == self.owner
        row = self._seal.sealed(audit_sinks, {"name": name, **position._asdict()})
        statement = update(audit_sinks).where(*mine).values(row)
        await self._write(lambda connection: connection.execute(statement))

    async def yield_sinks(self) -> None:
        """End the leases of this process, so that another may read on."""
        mine = audit_sinks.c.owner == self.owner
        statement = update(audit_sinks).where(mine).values(lease_until=0.0)
        await self._write(lambda connection: connection.execute(statement))

    async def sink_position(self, name: str) -> Position:
        """Return how far a reader has come, whichever process it is in."""
        columns = audit_sinks.c.event, audit_sinks.c.checkpoint
        rows = await self._read(select(*columns).where(audit_sinks.c.name == name))
        return Position(**rows[0]) if rows else Position()

    async def newest(self) -> Position:
        """Return the position at the end of the audit log."""
        last = select(func.max(audit_events.c.id)).scalar_subquery()
        note = select(func.max(audit_checkpoints.c.number)).scalar_subquery()
        (row,) = await self._read(select(last.label("event"), note.label("checkpoint")))
        return Position(row["event"] or 0, row["checkpoint"] or 0)

    async def audit_after(
        self, after: Position, until: Position, limit: int
    ) -> tuple[Sequence[Link], Sequence[str], Position]:
        """Return up to ``limit`` events, checkpoints, and the position behind them."""
        key, number = audit_events.c.id, audit_checkpoints.c.number
        chain = audit_events.c.chain, audit_events.c.seq, audit_events.c.hash
        query = select(*event_columns, *chain).where(key > after.event, key <= until.event)
        rows = await self._read(query.order_by(key).limit(limit))
        links = [
            Link(
                AuditEvent(**{name: row[name] for name in AuditEvent.__slots__}),
                row["chain"],
                row["seq"],
                (row["hash"] or b"").hex(),
            )
            for row in rows
        ]
        notes = select(audit_checkpoints).where(number > after.checkpoint)
        notes = notes.where(number <= until.checkpoint).order_by(number).limit(limit)
        found = await self._read(notes)
        last = Position(
            links[-1].event.id if links else after.event,
            found[-1]["number"] if found else after.checkpoint,
        )
        return links, [row["note"] for row in found], last

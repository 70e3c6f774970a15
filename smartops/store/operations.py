"""Operations: in flight in one process, which renews its lease on them, and always ended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import fields, replace
from functools import partial
from operator import attrgetter
from typing import Any

import anyio
from sqlalchemy import ColumnElement, Connection, RowMapping, and_, insert, select, update

from smartops.jsonable import members

from .audit import Audit
from .rows import LEASE, AuditEvent, Operation, OperationState, StoreClosed, StoreUnavailable
from .tables import inbox, messages, operations

Row = dict[str, Any]
_FIELDS = [field.name for field in fields(Operation)]
_PIECE = 1000
"""The maximum number of leases renewed by one statement."""


class Operations(Audit):
    """Accepted changes and long runs."""

    async def begin(self, operation: Operation, event: AuditEvent | None = None) -> bool:
        """Begin an operation that needed no approval; see :meth:`Store.accept`.

        Returns False, and does nothing, if one was begun for the same message.
        """
        key = operation.idempotency_key
        same = select(operations.c.id).where(operations.c.idempotency_key == key)

        def insert_once(connection: Connection) -> bool:
            if self._is_begun(connection, operation):
                return True
            if key and connection.execute(same).first() is not None:
                return False
            self._insert(connection, operation)
            self._add_with(connection, event)
            return True

        async with self._abandoned_on_failure(operation.id):
            return await self._write(insert_once)

    async def finish(
        self,
        id: str,
        state: OperationState,
        answer: bytes | None,
        event: AuditEvent | None = None,
    ) -> bool:
        """End an operation, with its event. False if it is unknown or ended otherwise before.

        One that ended as ``unknown`` can still become done or failed. If the
        store is away, StoreUnavailable is raised and the end is stored as soon
        as it is back.
        """
        ended = {"state": state, "finished": self._clock.time(), "answer": answer}
        end = partial(self._end, id, ended, event)
        try:
            return await self._write(end)
        except StoreUnavailable:
            self._queue(end)
            raise

    def _end(self, id: str, ended: Row, event: AuditEvent | None, connection: Connection) -> bool:
        open_states = operations.c.state.in_(("running", "unknown", ended["state"]))
        done = self._change(connection, (operations.c.id == id, open_states), ended)
        if done:
            self._add_with(connection, event)
        return done

    async def operation(self, id: str) -> Operation | None:
        """Return an operation by its id."""
        return await self._first(operations.c.id == id)

    async def operation_of(self, idempotency_key: str) -> Operation | None:
        """Return the operation that was begun for a message, by its idempotency key."""
        return await self._first(operations.c.idempotency_key == idempotency_key)

    async def operation_for(self, approval: str) -> Operation | None:
        """Return the operation that an approval was used for."""
        return await self._first(operations.c.approval_id == approval)

    async def _first(self, condition: ColumnElement[bool]) -> Operation | None:
        rows = self._valid(operations, await self._read(select(operations).where(condition)))
        return _operation_of(rows[0]) if rows else None

    async def operations(
        self, person: str | None = None, state: OperationState | None = None, limit: int = 20
    ) -> list[Operation]:
        """Return operations, newest first."""
        query = select(operations).order_by(operations.c.started.desc(), operations.c.id)
        if person is not None:
            query = query.where(operations.c.person == person)
        if state is not None:
            query = query.where(operations.c.state == state)
        rows = self._valid(operations, await self._read(query.limit(limit)))
        return [_operation_of(row) for row in rows]

    async def store_steps(
        self, id: str, steps: str, event: AuditEvent | None = None, *, resumable: bool = True
    ) -> bool:
        """Store the steps of an operation and an event; False if another process owns it now.

        From then on another process can resume it if it is ``resumable``.
        """
        values = {"steps": steps, "resumable": resumable}

        def store(connection: Connection) -> bool:
            stored = self._change(connection, (self._owned(id),), values)
            if stored:
                self._add_with(connection, event)
            return stored

        return await self._write(store)

    def _change(
        self,
        connection: Connection,
        conditions: Sequence[ColumnElement[bool]],
        values: Row,
    ) -> bool:
        """Change an operation and its MAC, which must be valid; False if none meets conditions."""
        if self._seal:
            found = select(operations).where(*conditions).with_for_update()
            rows = self._valid(operations, connection.execute(found).mappings())
            if not rows:
                return False
            values = self._seal.sealed(operations, {**rows[0], **values})
        statement = update(operations).where(*conditions).values(values)
        return connection.execute(statement).rowcount == 1

    async def request_cancel(self, id: str) -> bool:
        """Ask the owner of an operation to stop it; False if it is not running."""
        running = operations.c.id == id, operations.c.state == "running"
        statement = update(operations).where(*running).values(cancel_requested=True)
        return await self._write(lambda connection: connection.execute(statement).rowcount == 1)

    async def cancel_requests(self) -> set[str]:
        """Return the ids of this process's running operations that are to be stopped."""
        mine = operations.c.owner == self.owner
        query = select(operations.c.id).where(mine, operations.c.state == "running")
        rows = await self._read(query.where(operations.c.cancel_requested))
        return {row["id"] for row in rows}

    async def renew(self, until: float, executing: Sequence[str], answering: Sequence[str]) -> int:
        """Extend this process's leases on operations, claims and messages in the inbox.

        ``executing`` are ids of operations and keys of claims. Returns how many
        leases it still holds. A lease that was yielded is not taken back.
        """
        held = 0
        mine = operations.c.owner == self.owner, operations.c.lease_until > 0
        unanswered = messages.c.lease_until > 0, messages.c.answer.is_(None)
        for table, column, keys, conditions in (
            (operations, operations.c.id, executing, (*mine, operations.c.state == "running")),
            (messages, messages.c.key, executing, unanswered),
            (inbox, inbox.c.key, answering, (inbox.c.owner == self.owner, inbox.c.lease_until > 0)),
        ):
            for start in range(0, len(keys), _PIECE):
                piece = column.in_(keys[start : start + _PIECE])
                statement = update(table).where(piece, *conditions).values(lease_until=until)
                held += await self._write(partial(_count, statement))
        return held

    async def yield_lease(self, id: str) -> None:
        """End the lease on an operation of this process, so that another may take it over."""
        statement = update(operations).where(self._owned(id)).values(lease_until=0.0)
        await self._write(lambda connection: connection.execute(statement))

    async def orphans(self, now: float) -> list[Operation]:
        """Take over the running operations whose lease ran out, and return them.

        Resumable ones belong to this process from now on; the others end as
        unknown. Each is returned to one process only. One that SmartOps did not
        write ends as unknown and is not returned.
        """
        ends = {"state": "unknown", "finished": now}
        adopted = {"owner": self.owner, "lease_until": now + LEASE}

        def take(connection: Connection) -> list[Operation]:
            rows = [
                row
                for resumable, values in ((False, ends), (True, adopted))
                for row in connection.execute(_take_over(now, resumable, values)).mappings()
            ]
            valid = self._valid(operations, rows)
            for row in rows:
                if row not in valid:
                    forged = update(operations).where(operations.c.id == row["id"])
                    connection.execute(forged.values(ends))
            return [_operation_of(row) for row in valid]

        return sorted(await self._write(take, repeatable=False), key=attrgetter("started"))

    def _insert(self, connection: Connection, operation: Operation) -> None:
        until = operation.lease_until or self._clock.time() + LEASE
        row = members(replace(operation, lease_until=until))
        row["approval_id"] = row["approval_id"] or None
        connection.execute(insert(operations), self._seal.sealed(operations, row))

    def _is_begun(self, connection: Connection, operation: Operation) -> bool:
        """Return whether this very operation is stored: an uncertain commit had happened."""
        approval = operations.c.approval_id.is_not_distinct_from(operation.approval_id or None)
        same = operations.c.id == operation.id, operations.c.owner == operation.owner, approval
        return connection.execute(select(operations.c.id).where(*same)).first() is not None

    @asynccontextmanager
    async def _abandoned_on_failure(self, id: str) -> AsyncIterator[None]:
        """End the operation as failed if its caller will not execute it."""
        failed = {"state": "failed", "finished": self._clock.time(), "answer": None}
        try:
            yield
        except (anyio.get_cancelled_exc_class(), StoreUnavailable):
            with suppress(StoreClosed):
                self._queue(partial(self._end, id, failed, None))
            raise

    def _owned(self, id: str) -> ColumnElement[bool]:
        columns = operations.c
        return and_(columns.id == id, columns.owner == self.owner, columns.state == "running")


def _count(statement: Any, connection: Connection) -> int:
    return connection.execute(statement).rowcount


def _take_over(now: float, resumable: bool, values: Mapping[str, object]) -> Any:
    lapsed = (
        select(operations.c.id)
        .where(operations.c.state == "running", operations.c.lease_until <= now)
        .where(operations.c.resumable == resumable)
        .with_for_update(skip_locked=True)
    )
    statement = update(operations).where(operations.c.id.in_(lapsed)).values(values)
    return statement.returning(operations)


def _operation_of(row: RowMapping) -> Operation:
    values = {name: row[name] for name in _FIELDS}
    return Operation(**{**values, "approval_id": values["approval_id"] or ""})

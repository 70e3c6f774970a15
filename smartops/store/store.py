"""The durable state of SmartOps, shared by all replicas."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

import anyio
import anyio.to_thread
from sqlalchemy import Column, Connection, Table, delete, select, tuple_
from sqlalchemy.exc import SQLAlchemyError

from smartops.services import Clock

from .access import upsert
from .alert_posts import AlertPosts
from .alerts import Alerts
from .audit import Audit, remove_first
from .checkpoints import Signer, add_checkpoint
from .database import Database, database
from .facts import Facts
from .messages import Messages
from .requests import Requests
from .rows import StoreUnavailable
from .schema import migrate
from .seal import Seal
from .sinks import Sinks
from .tables import (
    alert_posts,
    alerts,
    approval_messages,
    approvals,
    decisions,
    messages,
    operations,
    pulse,
    questions,
    revoked,
    role_grants,
    silences,
)

RETENTION = 90 * 86_400.0
"""The default retention of audit events and operations, in seconds."""
PIECE = 1000
"""The maximum number of rows deleted in one transaction, so that other writes do not wait."""
PIECES = 10
"""The maximum number of pieces deleted from a table in one sweep, so that leases are renewed."""
REMEMBERED = 86_400.0
"""The seconds that an approval is stored after its expiry, to explain it to late presses."""


class Store(Messages, Requests, Facts, Alerts, AlertPosts, Sinks, Audit):
    """All durable state. Open it with :meth:`open`, on the event loop that uses it.

    What is awaited is durable when it returns; what is stored "soon" is durable within
    20 ms and one commit, and is retried while the database is away. Every method
    raises StoreUnavailable when the database is away and StoreClosed after
    :meth:`aclose`.
    """

    def __init__(self, database: Database, clock: Clock, retention: float) -> None:
        super().__init__(database, clock, owner=secrets.token_hex(8))
        self._retention = retention

    @classmethod
    async def open(
        cls,
        url: str,
        clock: Clock,
        *,
        retention: float = RETENTION,
        signer: Signer | None = None,
        checkpoint_file: Path | None = None,
    ) -> Self:
        """Open the store under ``url`` and migrate its schema.

        ``url`` is ``sqlite:///PATH`` (``?synchronous=normal`` trades the last
        moments before a power cut for speed) or ``postgresql://…``; ``retention`` is
        how long audit events and operations stay, in seconds. ``signer`` signs the
        checkpoints of audit events, which ``checkpoint_file`` gets a copy of, and
        authenticates rows. Raises StartupError.
        """
        opened = database(url)
        with ExitStack() as stack:
            stack.callback(opened.dispose)
            await anyio.to_thread.run_sync(migrate, opened)
            stack.pop_all()
        store = cls(opened, clock, retention)
        store.signer, store.checkpoint_file = signer, checkpoint_file
        store._seal = Seal(signer.secrets if signer else ())
        return store

    @staticmethod
    def check(url: str) -> None:
        """Raise StartupError if a PostgreSQL URL or its driver is unusable; connects to nothing."""
        if not url.startswith("sqlite"):
            database(url).dispose()

    async def aclose(self) -> None:
        """Write what is queued, and close."""
        with anyio.CancelScope(shield=True):
            await self._writer.aclose()
            await anyio.to_thread.run_sync(self._database.dispose)

    async def ping(self) -> None:
        """Return if the store can be written, else raise StoreUnavailable."""
        if self._database.is_deleted:
            raise StoreUnavailable("The file of the store was deleted")
        row = {"id": 1, "at": self._clock.time()}
        try:
            await self._write(lambda connection: upsert(connection, pulse, row))
        except SQLAlchemyError as error:
            raise StoreUnavailable("The store cannot be written") from error

    async def sweep(self, now: float) -> bool:
        """Delete what is past its retention, in pieces; return whether more is left."""
        before = now - self._retention
        pieces = [partial(_delete_piece, old) for old in _expired(now, before)]
        more = False
        notes: list[str] = []
        for delete_piece in (*pieces, partial(self._remove_events, now, notes)):
            for _ in range(PIECES):
                full = await self._write(delete_piece, repeatable=False) == PIECE
                if not full:
                    break
            more |= full
        await self._publish(notes)
        return more

    def _remove_events(self, now: float, notes: list[str], connection: Connection) -> int:
        """Delete up to a piece of audit events, add a checkpoint to the notes, return how many."""
        count, removed = remove_first(connection, now - self._retention, now, PIECE)
        if removed:
            notes.append(add_checkpoint(connection, self._chain, self.signer, now, removed))
        return count


class _Expired(NamedTuple):
    """The rows of a table that have expired: their ``column`` is less than ``before``."""

    table: Table
    column: Column[Any]
    before: float


def _expired(now: float, before: float) -> tuple[_Expired, ...]:
    return (
        _Expired(messages, messages.c.expires, now),
        _Expired(approvals, approvals.c.expires, now - REMEMBERED),
        _Expired(approval_messages, approval_messages.c.expires, now - REMEMBERED),
        _Expired(operations, operations.c.finished, before),
        _Expired(decisions, decisions.c.at, before),
        _Expired(role_grants, role_grants.c.until, before),
        _Expired(questions, questions.c.expires, now),
        _Expired(revoked, revoked.c.until, now),
        _Expired(alerts, alerts.c.resolved, before),
        _Expired(alert_posts, alert_posts.c.closed, before),
        _Expired(silences, silences.c.until, now),
    )


def _delete_piece(old: _Expired, connection: Connection) -> int:
    """Delete up to a piece, and return how many rows that were."""
    keys = list(old.table.primary_key)
    piece = select(*keys).where(old.column < old.before).limit(PIECE)
    return connection.execute(delete(old.table).where(tuple_(*keys).in_(piece))).rowcount

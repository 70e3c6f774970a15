"""What keeps the store small, and what shows that it can be written."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Column, Connection, Table, delete, func, select, tuple_

from .put import put
from .tables import acts, approvals, operations, pulse, questions, records, revoked, showings
from .transaction import Act, each

PIECE = 1000
"""The most rows deleted in one go, so that nobody waits long for the writer."""
PIECES = 10
"""The most pieces of a table in one go, so that leases are renewed in time."""
DEDUPLICATED = 7 * 86_400.0
"""For how many seconds an act is known; no platform delivers later than that."""
REMEMBERED = 86_400.0
"""For how many seconds after its expiry an approval can still say what became of it."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """A token that is not to be believed, and when it would have expired."""

    jti: str
    until: float


@dataclass(frozen=True, slots=True)
class Old:
    """Rows of a table that are older than that."""

    table: Table
    column: Column[float]
    before: float


def stale(now: float, keep: float) -> tuple[Old, ...]:
    """Return what may go, given how many seconds of history are to be kept."""
    return (
        Old(acts, acts.c.at, now - DEDUPLICATED),
        Old(approvals, approvals.c.expires, now - REMEMBERED),
        Old(showings, showings.c.expires, now - REMEMBERED),
        Old(operations, operations.c.finished, now - keep),
        Old(questions, questions.c.expires, now),
        Old(revoked, revoked.c.until, now),
        Old(records, records.c.at, now - keep),
    )


def _sweep(connection: Connection, old: Old) -> int:
    """Delete a piece, and return how many rows that were.

    Records are in order of time, so only the first ones are looked at: they
    need no index that every message would have to pay for.
    """
    if old.table is records:
        key = records.c.id
        first = select(key).order_by(key).limit(PIECE).subquery()
        chosen = key <= select(func.max(first.c.id)).scalar_subquery()
        statement = delete(records).where(chosen, old.column < old.before)
    else:
        keys = list(old.table.primary_key)
        piece = select(*keys).where(old.column < old.before).limit(PIECE)
        statement = delete(old.table).where(tuple_(*keys).in_(piece))
    return connection.execute(statement).rowcount


def _revoke(connection: Connection, revocation: Revocation) -> None:
    put(connection, revoked, {"jti": revocation.jti, "until": revocation.until})


def _beat(connection: Connection, now: float) -> None:
    put(connection, pulse, {"id": 1, "at": now})


SWEEP: Act[Old, int] = each("sweep", _sweep)
REVOKE: Act[Revocation, None] = each("revoke", _revoke)
BEAT: Act[float, None] = each("ping", _beat)

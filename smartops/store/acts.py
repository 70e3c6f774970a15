"""The statements of the message path: acts claimed once, their answers, and the records.

Compiled once and given to the driver as they are: building them anew would
cost more than running them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Select, bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import ClauseElement

from .rows import Record
from .tables import acts, records, storable
from .transaction import Act, each


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody's wish to be the one who acts; ``holder`` is unique to the wish."""

    key: str
    at: float
    holder: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered to an act."""

    key: str
    answer: bytes


_Ready = tuple[str, Callable[[Any], tuple[Any, ...]]]


class _Statement:
    """A statement that runs for many rows at little more than the driver's price.

    Its parameters are attributes of the rows. ``special`` are statements for
    the dialects that need another.
    """

    def __init__(self, statement: ClauseElement, **special: ClauseElement) -> None:
        self._statement = statement
        self._special = special
        self._ready: dict[str, _Ready] = {}

    def run(self, connection: Connection, rows: Sequence[object]) -> int:
        """Run it, and return how many rows it changed in all."""
        sql, values = self._ready.get(connection.dialect.name) or self._compile(connection.dialect)
        cursor = connection.connection.cursor()
        try:
            cursor.executemany(sql, [_storable(values(row)) for row in rows])
            return cursor.rowcount
        finally:
            cursor.close()

    def _compile(self, dialect: Dialect) -> _Ready:
        compiled: Any = self._special.get(dialect.name, self._statement).compile(dialect=dialect)
        self._ready[dialect.name] = ready = (str(compiled), attrgetter(*compiled.positiontup))
        return ready


def _storable(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple([storable(value) if value.__class__ is str else value for value in values])


def _parameters(*names: str) -> dict[str, Any]:
    return {name: bindparam(name) for name in names}


_CLAIM = _Statement(
    sqlite.insert(acts).values(_parameters("key", "at", "holder")).on_conflict_do_nothing(),
    postgresql=postgresql.insert(acts)
    .values(_parameters("key", "at", "holder"))
    .on_conflict_do_nothing(),
)
_SETTLE = _Statement(
    update(acts).where(acts.c.key == bindparam("key")).values(_parameters("answer"))
)
_RECORD = _Statement(
    insert(records)
    .values(_parameters(*(column.name for column in records.columns if not column.primary_key)))
    .inline()
)


def _claim_all(connection: Connection, claims: Sequence[Claim]) -> Sequence[bool]:
    """Say of each whether it is the one that acts.

    In order of the keys, so that two processes never wait for each other.
    """
    ordered = sorted(claims, key=attrgetter("key"))
    if _CLAIM.run(connection, ordered) == len(claims):
        return [True] * len(claims)
    keys = {claim.key for claim in claims}
    query = select(acts.c.key, acts.c.holder).where(acts.c.key.in_(keys))
    holders = {row.key: row.holder for row in connection.execute(query)}
    return [holders.get(claim.key) == claim.holder for claim in claims]


def _settle_all(connection: Connection, answers: Sequence[Answer]) -> Sequence[None]:
    _SETTLE.run(connection, answers)
    return [None] * len(answers)


def _record_all(connection: Connection, entries: Sequence[Record]) -> Sequence[None]:
    _RECORD.run(connection, entries)
    return [None] * len(entries)


def _disclaim(connection: Connection, claim: Claim) -> None:
    mine = (acts.c.key == claim.key) & (acts.c.holder == claim.holder)
    connection.execute(delete(acts).where(mine, acts.c.answer.is_(None)))


def _release(connection: Connection, key: str) -> None:
    connection.execute(delete(acts).where(acts.c.key == key, acts.c.answer.is_(None)))


# An answer is to a claim that is durable already, so neither minds the other's place.
CLAIM: Act[Claim, bool] = Act("claim", _claim_all, free=True)
SETTLE: Act[Answer, None] = Act("answer", _settle_all, free=True)
RECORD: Act[Record, None] = Act("record", _record_all, free=True)
DISCLAIM: Act[Claim, None] = each("disclaim", _disclaim)
RELEASE: Act[str, None] = each("release", _release)


def answer_to(key: str) -> Select[tuple[bytes | None]]:
    """Return the query for the answer to an act."""
    return select(acts.c.answer).where(acts.c.key == key)

"""The statements of the message path: acts claimed once, their answers, and the records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from sqlalchemy import Connection, Select, bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from .rows import Record
from .statement import Statement, parameters
from .tables import acts, records
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


_CLAIM = Statement(
    sqlite.insert(acts).values(parameters("key", "at", "holder")).on_conflict_do_nothing(),
    postgresql=postgresql.insert(acts)
    .values(parameters("key", "at", "holder"))
    .on_conflict_do_nothing(),
)
_SETTLE = Statement(update(acts).where(acts.c.key == bindparam("key")).values(parameters("answer")))
_RECORD = Statement(
    insert(records)
    .values(parameters(*(column.name for column in records.columns if not column.primary_key)))
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

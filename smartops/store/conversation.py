"""Messages that wait for their answer, questions that wait for theirs, and plugins' facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import ClauseElement

from .acts import CLAIM, Claim
from .changes import Lease
from .put import put
from .rows import Question
from .statement import Statement, parameters
from .tables import inbox, questions, shelf
from .transaction import Act, each


@dataclass(frozen=True, slots=True)
class Arrival:
    """A claim of an act that must be answered, and who answers it until when."""

    claim: Claim
    message: bytes
    owner: str
    lease_until: float

    @property
    def key(self) -> str:
        """The key of the act."""
        return self.claim.key


@dataclass(frozen=True, slots=True)
class Answered:
    """A message that need not be kept any longer."""

    key: str


@dataclass(frozen=True, slots=True)
class Taking:
    """Who takes over messages that nobody answers any more."""

    owner: str
    now: float
    until: float


@dataclass(frozen=True, slots=True)
class Fact:
    """Something a plugin keeps."""

    name: str
    key: str
    value: str = ""


def _keep(dialect: Any) -> ClauseElement:
    """Return what puts a message in the inbox, or in the place of the one with its key."""
    names = tuple(column.name for column in inbox.columns)
    statement = dialect.insert(inbox).values(parameters(*names))
    rest = {name: statement.excluded[name] for name in names if name != "key"}
    kept: ClauseElement = statement.on_conflict_do_update(index_elements=["key"], set_=rest)
    return kept


_KEEP = Statement(_keep(sqlite), postgresql=_keep(postgresql))
_LET_GO = Statement(delete(inbox).where(inbox.c.key == bindparam("key")))


def _arrive(connection: Connection, arrivals: Sequence[Arrival]) -> Sequence[bool]:
    """Claim, and keep what was new, in one transaction."""
    new = CLAIM.run(connection, [arrival.claim for arrival in arrivals])
    kept = [arrival for arrival, is_new in zip(arrivals, new, strict=True) if is_new]
    if kept:
        _KEEP.run(connection, kept)
    return new


def _delivered(connection: Connection, answered: Sequence[Answered]) -> Sequence[None]:
    _LET_GO.run(connection, answered)
    return [None] * len(answered)


def _take(connection: Connection, taking: Taking) -> Sequence[tuple[str, bytes]]:
    """Take over what nobody answers any more. Each is returned to one caller only."""
    lapsed = (
        select(inbox.c.key)
        .where(inbox.c.lease_until <= taking.now)
        .with_for_update(skip_locked=True)
    )
    statement = (
        update(inbox)
        .where(inbox.c.key.in_(lapsed))
        .values(owner=taking.owner, lease_until=taking.until)
        .returning(inbox.c.key, inbox.c.message)
    )
    return [(row.key, row.message) for row in connection.execute(statement)]


def _renew(connection: Connection, lease: Lease) -> int:
    held = (inbox.c.owner == lease.owner) & inbox.c.key.in_(lease.keys)
    statement = update(inbox).where(held).values(lease_until=lease.until)
    return connection.execute(statement).rowcount


def _leave(connection: Connection, owner: str) -> None:
    connection.execute(update(inbox).where(inbox.c.owner == owner).values(lease_until=0.0))


def _about(person: str, channel: str, conversation: str) -> tuple[object, ...]:
    columns = questions.c
    return (
        columns.person == person,
        columns.channel == channel,
        columns.conversation == conversation,
    )


def _ask(connection: Connection, question: Question) -> None:
    put(connection, questions, asdict(question))


def _answer(connection: Connection, about: tuple[str, str, str]) -> Question | None:
    statement = delete(questions).where(*_about(*about)).returning(questions)  # type: ignore[arg-type]
    row = connection.execute(statement).mappings().first()
    return Question(**row) if row is not None else None


_CLOSE = Statement(
    delete(questions).where(
        questions.c.person == bindparam("person"),
        questions.c.channel == bindparam("channel"),
        questions.c.conversation == bindparam("conversation"),
        questions.c.expires <= bindparam("expires"),
    )
)


def _close(connection: Connection, asked: Sequence[Question]) -> Sequence[None]:
    _CLOSE.run(connection, asked)
    return [None] * len(asked)


def _put(connection: Connection, fact: Fact) -> None:
    put(connection, shelf, asdict(fact))


def _drop(connection: Connection, fact: Fact) -> None:
    connection.execute(delete(shelf).where(shelf.c.name == fact.name, shelf.c.key == fact.key))


ARRIVE: Act[Arrival, bool] = Act("arrive", _arrive)
DELIVERED: Act[Answered, None] = Act("delivered", _delivered)
TAKE: Act[Taking, Sequence[tuple[str, bytes]]] = each("take", _take, repeatable=False)
RENEW: Act[Lease, int] = each("renew messages", _renew)
LEAVE: Act[str, None] = each("leave", _leave)
ASK: Act[Question, None] = each("ask", _ask)
ANSWER: Act[tuple[str, str, str], Question | None] = each("question", _answer, repeatable=False)
CLOSE: Act[Question, None] = Act("close question", _close)
PUT: Act[Fact, None] = each("put", _put)
DROP: Act[Fact, None] = each("drop", _drop)


def facts(name: str, prefix: str) -> Select[tuple[str, str]]:
    """Return the query for a plugin's facts whose key begins so."""
    begins = shelf.c.key.startswith(prefix, autoescape=True)
    return select(shelf.c.key, shelf.c.value).where(shelf.c.name == name, begins)

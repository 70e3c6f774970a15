"""What is written, and the one connection it is written through."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from .database import BEGIN_SQLITE

A = TypeVar("A")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, eq=False)
class Act(Generic[A, R]):
    """One kind of write, done for many arguments at once.

    ``run`` gets a connection within a transaction and returns one result an
    argument, in their order. ``free`` acts may be done in any order among
    neighbours that are free too; all others keep their place. A ``repeatable``
    act comes to the same end when done again after a commit of which nobody
    knows whether it happened.
    """

    name: str
    run: Callable[[Connection, Sequence[A]], Sequence[R]]
    free: bool = False
    repeatable: bool = True


def each(name: str, run: Callable[[Connection, A], R], *, repeatable: bool = True) -> Act[A, R]:
    """Return an act that is done for one argument after the other."""

    def run_all(connection: Connection, arguments: Sequence[A]) -> Sequence[R]:
        return [run(connection, argument) for argument in arguments]

    return Act(name, run_all, repeatable=repeatable)


class Write:
    """An act waiting to be done, and its outcome.

    Nobody waits if there is no ``future``; it is then ``kept`` for later while
    the database is away.
    """

    __slots__ = ("act", "argument", "error", "future", "kept", "result")

    def __init__(
        self, act: Act[Any, Any], argument: Any, future: asyncio.Future[Any] | None = None
    ) -> None:
        self.act = act
        self.argument = argument
        self.future = future
        self.result: Any = None
        self.error: Exception | None = None
        self.kept = False


@dataclass(frozen=True, slots=True)
class Failure:
    """A transaction that failed.

    ``away`` says that the database is at fault, not what was written; ``lost``
    that the connection broke, so that a new one may do better; ``uncertain``
    that it broke at the commit, which may have happened.
    """

    error: Exception
    away: bool
    lost: bool
    uncertain: bool


class Transactions:
    """Runs writes in transactions, on a connection that is replaced when it breaks.

    Transactions are the driver's own. Those of SQLAlchemy only come in where an
    act uses more of it; on the message path they would cost as much as the
    rest.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._driver: Any = None  # the driver's connection below it

    def run(self, writes: Sequence[Write]) -> Failure | None:
        """Do all of it, or nothing; return why it failed.

        Whatever is raised goes to those who wait for it, in another thread.
        """
        committing = False
        try:
            connection = self._begin()
            _apply(connection, writes)
            committing = True
            self._driver.commit()
            connection.commit()
        except Exception as error:  # noqa: BLE001
            failure = self._judged(error, committing)
            self._undo(failure)
            return failure
        return None

    def close(self) -> None:
        """Close the connection; the next write opens another."""
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = self._driver = None

    def _begin(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
            self._driver = self._connection.connection.dbapi_connection
        if self._engine.dialect.name == "sqlite":
            self._driver.execute(BEGIN_SQLITE)
        return self._connection

    def _judged(self, error: Exception, committing: bool) -> Failure:
        dialect, connected = self._engine.dialect, self._connection is not None
        cause = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(cause, dialect.loaded_dbapi.Error):
            return Failure(error, away=False, lost=False, uncertain=committing)
        lost = connected and bool(dialect.is_disconnect(cause, self._driver, None))
        away = lost or _is_away(cause, dialect.loaded_dbapi, connected)
        return Failure(error, away, lost, uncertain=committing)

    def _undo(self, failure: Failure) -> None:
        if failure.away or failure.uncertain:
            self.close()
        elif self._connection is not None:
            self._driver.rollback()
            self._connection.rollback()


def _apply(connection: Connection, writes: Sequence[Write]) -> None:
    for act, group in _grouped(writes):
        results = act.run(connection, [write.argument for write in group])
        for write, result in zip(group, results, strict=True):
            write.result = result


def _grouped(writes: Sequence[Write]) -> Iterator[tuple[Act[Any, Any], list[Write]]]:
    """Yield what can be done in one go together."""
    for free, neighbours in groupby(writes, key=attrgetter("act.free")):
        if free:
            kinds: dict[Act[Any, Any], list[Write]] = {}
            for write in neighbours:
                kinds.setdefault(write.act, []).append(write)
            yield from kinds.items()
        else:
            for act, group in groupby(neighbours, key=attrgetter("act")):
                yield act, list(group)


_AWAY_CLASSES = ("08", "53", "57", "58")
"""Of SQLSTATE: connection, resources, operator intervention, system error."""
_AWAY_CODES = ("25006", "55P03")
"""Read-only (a standby), and a lock that was not to be had in time."""


def _is_away(error: Any, driver: Any, connected: bool) -> bool:
    state = getattr(error, "sqlstate", None)
    if state is not None and connected:
        return str(state).startswith(_AWAY_CLASSES) or state in _AWAY_CODES
    return isinstance(error, driver.OperationalError) or type(error) is driver.DatabaseError

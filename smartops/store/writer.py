"""The one thread that writes, with group commit.

A commit costs the disk's time, whatever the number of rows: writes that arrive
while a transaction is being committed are run together in the next one, and queued
writes, for which no caller waits, are gathered for a moment. If a function in a
transaction fails, each is run again in one of its own, so that its failure is its
caller's alone.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import anyio
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError, SQLAlchemyError

from smartops.contained import Caught

from .rows import StoreClosed, StoreUnavailable

log = logging.getLogger("smartops.store")

BATCH = 512
"""With how many writes a transaction takes no more."""
GATHER = 0.02
"""For how many seconds a queued write waits for others, so that they share a commit."""
RETRY_INTERVAL = 0.5
"""Seconds after which queued writes are retried while the database is unreachable."""
LIMIT = 10_000
"""The maximum number of writes that may wait; more are refused."""

_AWAY_CLASSES = ("08", "53", "57", "58")
"""SQLSTATE classes: connection, resources, operator intervention, system error."""
_AWAY_CODES = ("25006", "55P03")
"""SQLSTATE of a read-only database (a standby) and of a lock timeout."""


@dataclass(slots=True, eq=False)
class _Write:
    """A function to run in a transaction, and its outcome.

    One with a ``row`` is run once for the rows of all such writes. Queued ones have
    no ``future``; they are ``retained`` while the database is away.
    """

    function: Callable[..., Any]
    row: Any = None
    future: asyncio.Future[Any] | None = None
    repeatable: bool = True
    retained: bool = False
    result: Any = None
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a transaction failed.

    ``away``: the database is at fault, not what was written. ``lost``: the
    connection broke. ``uncertain``: the commit failed, and may have happened.
    """

    error: BaseException
    away: bool = False
    lost: bool = False
    uncertain: bool = False


class Writer:
    """Runs functions in transactions, in a thread of its own. Use it on the loop it was made on.

    ``settled(committed=…)`` is called in the thread after each transaction.
    """

    def __init__(
        self,
        engine: Engine,
        limit: int = LIMIT,
        settled: Callable[..., object] = lambda **_: None,
    ) -> None:
        self._engine = engine
        self._limit = limit
        self._settled = settled
        self._loop = asyncio.get_running_loop()
        self._waiting = 0
        self._closing = False
        self._ended = anyio.Event()
        self._queued: list[_Write] = []
        self._gathering = False
        self._inbox: queue.SimpleQueue[list[_Write] | None] = queue.SimpleQueue()  # None: close
        self._retained: list[_Write] = []  # from here on used by the thread alone
        self._connection: Connection | None = None
        self._away = False
        threading.Thread(target=self._run, name="smartops-store", daemon=True).start()

    async def write(
        self,
        function: Callable[..., Any],
        *,
        row: Any = None,
        repeatable: bool = True,
    ) -> Any:
        """Run the function in a transaction and return its result once that is committed.

        With a ``row`` it is called as ``function(connection, rows)`` for the rows of all
        writes in the transaction that have the same function, and returns a result for
        each row, or None. A statement costs much more than a row of it. Such functions
        run before the others.
        A ``repeatable`` function is run again if the connection broke at the
        commit; it must then end the same whether or not that commit happened.
        If the caller is cancelled, the function may or may not be run. Raises
        StoreUnavailable if the database is unreachable or too many writes wait,
        StoreClosed after :meth:`aclose`, and what the function raised.
        """
        future: asyncio.Future[Any] = self._loop.create_future()
        self._put(_Write(function, row, future, repeatable))
        return await future

    def queue(self, function: Callable[..., object], *, row: Any = None) -> None:
        """Run the function soon, as :meth:`write` does; retry while the database is away.

        It is committed with the next write that a caller waits for, or after :data:`GATHER`
        seconds. Raises StoreUnavailable if too many writes wait, StoreClosed after :meth:`aclose`.
        """
        self._put(_Write(function, row))

    async def flush(self) -> None:
        """Return when all earlier writes are committed."""
        if self._waiting or self._closing:
            await self.write(lambda _: None)

    async def aclose(self) -> None:
        """Write what waits, then end the thread. Cancelling does not cut it short."""
        if not self._closing:
            self._closing = True
            self._hand_over()
            self._inbox.put(None)
        with anyio.CancelScope(shield=True):
            await self._ended.wait()

    def _put(self, write: _Write) -> None:
        if self._closing:
            raise StoreClosed("the store is closed")
        if self._waiting >= self._limit:
            raise StoreUnavailable("The store does not keep up", retry_after=1)
        self._waiting += 1
        self._queued.append(write)
        if write.future is not None:
            self._hand_over()
        elif not self._gathering:
            self._gathering = True
            self._loop.call_later(GATHER, self._gathered)

    def _gathered(self) -> None:
        self._gathering = False
        self._hand_over()

    def _hand_over(self) -> None:
        """Give the thread what was queued; one wake-up of it costs more than a write."""
        if self._queued:
            self._inbox.put(self._queued)
            self._queued = []

    def _settle(self, writes: Sequence[_Write]) -> None:
        """Hand the outcomes to the callers, on the event loop."""
        self._waiting -= len(writes)
        for write in writes:
            if write.future is None or write.future.done():  # done: the caller was cancelled
                continue
            if write.error is None:
                write.future.set_result(write.result)
            else:
                write.future.set_exception(write.error)

    # In the thread.

    def _run(self) -> None:
        try:
            running = True
            while running:
                running, batch = self._next()
                self._write(batch)
                self._call(self._settle, [write for write in batch if not write.retained])
            if self._retained:
                log.error("%d writes were lost: the store is unreachable", len(self._retained))
        finally:
            self._disconnect()
            self._call(self._ended.set)

    def _next(self) -> tuple[bool, list[_Write]]:
        """Return whether to continue, and the next batch: retained writes come first."""
        batch, self._retained = self._retained, []
        for write in batch:
            write.retained = False
        try:
            writes = self._inbox.get(timeout=RETRY_INTERVAL if batch else None)
            while writes is not None:
                batch += writes
                if len(batch) >= BATCH:
                    return True, batch
                writes = self._inbox.get_nowait()
        except queue.Empty:
            return True, batch
        return False, batch

    def _write(self, batch: list[_Write]) -> None:
        """Commit the batch in one transaction, or each write alone if one of them fails.

        What fails with it is added to the batch.
        """
        all_writes = batch
        failure = self._commit(batch)
        if failure is not None and failure.lost:
            batch, failure = self._again(batch, failure)
        if failure is None:
            self._back()
        elif failure.away:
            self._give_up(batch, failure)
            self._give_up_arrived(all_writes, failure)
        else:
            self._separately(batch)

    def _give_up_arrived(self, batch: list[_Write], failure: _Failure) -> None:
        """Fail also what arrived while the database did not answer, else it would wait twice."""
        arrived: list[_Write] = []
        with suppress(queue.Empty):
            while (writes := self._inbox.get_nowait()) is not None:
                arrived += writes
            self._inbox.put(None)
        self._give_up(arrived, replace(failure, uncertain=False))
        batch += arrived

    def _again(self, batch: list[_Write], first: _Failure) -> tuple[list[_Write], _Failure | None]:
        """Commit on a new connection what may be repeated; return that, and its failure."""
        if first.uncertain:
            self._give_up([write for write in batch if not write.repeatable], first)
            batch = [write for write in batch if write.repeatable]
        failure = self._commit(batch)
        if failure is not None and first.uncertain:  # the first commit may have happened
            failure = replace(failure, uncertain=True)
        return batch, failure

    def _separately(self, batch: list[_Write]) -> None:
        self._back()
        for place, write in enumerate(batch):
            failure = self._commit([write])
            if failure is not None and failure.away:
                self._give_up(batch[place:], failure)
                return
            if failure is not None:
                write.error = failure.error
                if write.future is None:
                    name = getattr(write.function, "__qualname__", repr(write.function))
                    log.error("write failed in %s: %s", name, _first_line(failure.error))

    def _give_up(self, batch: Sequence[_Write], failure: _Failure) -> None:
        """Fail the writes that callers wait for, and retain the queued ones."""
        text = (
            "The store was lost while writing; it may or may not have been done"
            if failure.uncertain
            else "The store is read-only; nothing was done"
            if _is_read_only(failure.error)
            else "The store cannot be reached; nothing was done"
        )
        for write in batch:
            if write.future is None:
                write.retained = True
                self._retained.append(write)
            else:
                write.error = StoreUnavailable(text, retry_after=1)
                write.error.__cause__ = failure.error
        if not self._away:
            self._away = True
            log.error("%s: %s", text, _first_line(failure.error))

    def _back(self) -> None:
        if self._away:
            self._away = False
            log.warning("the store is back")

    def _commit(self, batch: Sequence[_Write]) -> _Failure | None:
        """Run the functions in one transaction; return None if it is committed, else why not."""
        connected = committing = False
        with Caught() as caught:
            if self._connection is None:
                self._connection = self._engine.connect()
            connected = True
            transaction = self._connection.begin()
            _run(self._connection, batch)
            committing = True
            transaction.commit()
        self._settled(committed=caught.error is None)
        if caught.error is None:
            return None
        failure = _failure(caught.error, connected, committing)
        self._roll_back(failure)
        return failure

    def _roll_back(self, failure: _Failure) -> None:
        if failure.away or failure.uncertain:
            self._disconnect()
        elif self._connection is not None:
            self._connection.rollback()

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(SQLAlchemyError):  # it may be broken already
                self._connection.invalidate()
                self._connection.close()
            self._connection = None

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed, so there are no callers left
            self._loop.call_soon_threadsafe(function, *arguments)


def _run(connection: Connection, batch: Sequence[_Write]) -> None:
    """Run the functions of the batch: those of rows first, as later ones may depend on them."""
    grouped: dict[Callable[..., Any], list[_Write]] = {}
    for write in batch:
        if write.row is not None:
            grouped.setdefault(write.function, []).append(write)
    for function, writes in grouped.items():
        results = function(connection, [write.row for write in writes])
        for write, result in zip(writes, results or (), strict=False):
            write.result = result
    for write in batch:
        if write.row is None:
            write.result = write.function(connection)


def _failure(error: BaseException, connected: bool, committing: bool) -> _Failure:
    if not isinstance(error, DBAPIError):
        return _Failure(error, uncertain=committing)
    lost = connected and error.connection_invalidated
    return _Failure(error, lost or _is_away(error, connected), lost, uncertain=committing)


def _is_away(error: DBAPIError, connected: bool) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    if state is not None and connected:
        return str(state).startswith(_AWAY_CLASSES) or state in _AWAY_CODES
    return isinstance(error, OperationalError) or type(error) is DatabaseError


def _is_read_only(error: BaseException) -> bool:
    name = getattr(getattr(error, "orig", None), "sqlite_errorname", "")
    return str(name).startswith("SQLITE_READONLY")


def _first_line(error: BaseException) -> str:
    """Return the error without its details, in which servers quote the values written."""
    return str(getattr(error, "orig", None) or error).partition("\n")[0]

"""One thread writes. What waits is written together, in one transaction.

A transaction costs the disk's time, not the number of rows in it; so while one
is under way others gather, and the next takes them all (group commit). If it
fails, everything in it is tried again alone, so that a failure is its own.

The thread is woken once in a turn of the event loop: what came in together is
written together.

A write is either awaited, and durable when that returns, or queued: then
nobody waits, it is written within :data:`LINGER` seconds, and it is kept and
tried again while the database is away. Memory is bounded by making awaited
writes wait for room; most messages begin with one, so messages wait.

Those who wait are told through asyncio's own futures, with one wake-up of the
event loop a transaction, whatever their number.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

import anyio
from sqlalchemy import Engine

from .rows import StoreClosed, StoreUnavailable
from .transaction import Act, Failure, Transactions, Write

log = logging.getLogger("smartops.store")

A = TypeVar("A")
R = TypeVar("R")

BATCH = 512
"""The most writes in one transaction."""
LINGER = 0.05
"""For how many seconds a queued write waits for company, such as the next message's."""
PAUSE = 0.5
"""After how many seconds queued writes are tried again on a database that was away."""
ROOM = 10_000
"""How many writes may wait; queued ones, which cannot wait for room, may be twice as many."""

_NOTHING: Act[None, None] = Act("nothing", lambda _, arguments: arguments)


class Writer:
    """Takes writes on the event loop it was made on; does them in a thread of its own."""

    def __init__(self, engine: Engine, room: int = ROOM) -> None:
        self._transactions = Transactions(engine)
        self._room = room
        self._loop = asyncio.get_running_loop()
        self._waiting = 0  # this and what follows is the loop's
        self._made_room: anyio.Event | None = None
        self._turning = False
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._ended = anyio.Event()
        self._pending: deque[Write] = deque()  # from here on shared with the thread
        self._wake: queue.SimpleQueue[bool] = queue.SimpleQueue()  # false: it is the end
        self._woken = False
        self._kept: list[Write] = []  # this and what follows is the thread's
        self._away = False
        self._thread = threading.Thread(target=self._work, name="smartops-store", daemon=True)
        self._thread.start()

    async def write(self, act: Act[A, R], argument: A) -> R:
        """Do it, and return its result once it is durable.

        Waits for room first. If the caller is cancelled it may or may not be
        done. Raises StoreUnavailable when the database is away, StoreClosed
        after :meth:`aclose`, and what the act raised.
        """
        while self._waiting >= self._room and not self._closing:
            if self._made_room is None:
                self._made_room = anyio.Event()
            await self._made_room.wait()
        future: asyncio.Future[R] = self._loop.create_future()
        self._put(Write(act, argument, future))
        if not self._turning:
            self._turning = True
            self._loop.call_soon(self._turn)
        return await future

    def queue(self, act: Act[A, Any], argument: A) -> None:
        """Do it soon, after what was asked for before.

        Raises StoreUnavailable when far too much is waiting already, and
        StoreClosed after :meth:`aclose`.
        """
        if self._waiting >= 2 * self._room:
            raise StoreUnavailable("The store does not keep up", retry_after=1)
        self._put(Write(act, argument))
        if self._waiting >= BATCH:
            self._kick()
        elif self._timer is None:
            self._timer = self._loop.call_later(LINGER, self._tick)

    async def flush(self) -> None:
        """Return when everything asked for before is written."""
        if self._waiting or self._closing:
            await self.write(_NOTHING, None)

    async def aclose(self) -> None:
        """Write what waits, then end. Cancelling does not shorten it."""
        if not self._closing:
            self._closing = True
            self._wake.put(False)
            self._make_room()
        with anyio.CancelScope(shield=True):
            await self._ended.wait()

    # On the event loop.

    def _put(self, write: Write) -> None:
        if self._closing:
            raise StoreClosed("the store is closed")
        self._waiting += 1
        self._pending.append(write)

    def _kick(self) -> None:
        if not self._woken:
            self._woken = True
            self._wake.put(True)

    def _turn(self) -> None:
        self._turning = False
        self._kick()

    def _tick(self) -> None:
        self._timer = None
        if self._pending:
            self._kick()

    def _make_room(self) -> None:
        if self._made_room is not None:
            self._made_room.set()
            self._made_room = None

    def _deliver(self, writes: Sequence[Write]) -> None:
        self._waiting -= len(writes)
        if self._waiting < self._room:
            self._make_room()
        for write in writes:
            if write.future is None or write.future.done():  # done: the caller was cancelled
                continue
            if write.error is None:
                write.future.set_result(write.result)
            else:
                write.future.set_exception(write.error)

    # In the thread.

    def _work(self) -> None:
        try:
            while self._sleep():
                self._woken = False
                self._round()
            self._round()
            if self._kept:
                log.error("%d writes were lost: the store is away", len(self._kept))
        finally:
            self._transactions.close()
            self._tell(self._ended.set)

    def _sleep(self) -> bool:
        try:
            return self._wake.get(timeout=PAUSE if self._kept else None)
        except queue.Empty:
            return True

    def _round(self) -> None:
        """Write everything that waits by now."""
        writes, self._kept = self._kept, []
        for write in writes:
            write.kept = False
        while self._pending:
            writes.append(self._pending.popleft())
        failure = None
        for start in range(0, len(writes), BATCH):
            batch = writes[start : start + BATCH]
            if failure is None:
                failure = self._write(batch)
            else:  # no use in trying each
                self._give_up(batch, failure)
            self._tell(self._deliver, [write for write in batch if not write.kept])

    def _write(self, batch: Sequence[Write]) -> Failure | None:
        """Write it in one transaction, or else each alone; return a failure if all is lost."""
        failure = self._transactions.run(batch)
        if failure is not None and failure.lost:
            uncertain = failure.uncertain
            batch = self._repeatable(batch, failure)
            failure = self._transactions.run(batch)
            if failure is not None and uncertain:  # the first time may have done it
                failure = replace(failure, uncertain=True)
        if failure is not None and failure.away:
            self._give_up(batch, failure)
            return failure
        self._is_back()
        if failure is None:
            return None
        for place, write in enumerate(batch):
            failure = self._transactions.run([write])
            if failure is not None and failure.away:
                self._give_up(batch[place:], failure)
                return failure
            if failure is not None:
                _fail(write, failure.error)
        return None

    def _repeatable(self, batch: Sequence[Write], failure: Failure) -> Sequence[Write]:
        """Return what may be written again, and fail the rest."""
        if not failure.uncertain:
            return batch
        self._give_up([write for write in batch if not write.act.repeatable], failure)
        return [write for write in batch if write.act.repeatable]

    def _give_up(self, batch: Sequence[Write], failure: Failure) -> None:
        """Tell those who wait, and keep what nobody waits for."""
        text = (
            "The store was lost while writing; it may or may not have been done"
            if failure.uncertain
            else "The store cannot be reached; nothing was done"
        )
        for write in batch:
            if write.future is None:
                write.kept = True
                self._kept.append(write)
            else:
                write.error = StoreUnavailable(text, retry_after=1)
                write.error.__cause__ = failure.error
        if not self._away:
            self._away = True
            log.error("%s: %s", text, _first_line(failure.error))

    def _is_back(self) -> None:
        if self._away:
            self._away = False
            log.warning("the store is back")

    def _tell(self, function: Callable[..., None], *arguments: Any) -> None:
        with suppress(RuntimeError):  # the loop is gone, and with it everybody who waits
            self._loop.call_soon_threadsafe(function, *arguments)


def _fail(write: Write, error: Exception) -> None:
    write.error = error
    if write.future is None:
        log.error("not written, %s: %s", write.act.name, _first_line(error))


def _first_line(error: Exception) -> str:
    """Return what went wrong without the details, in which servers quote what was written."""
    return str(error).partition("\n")[0]

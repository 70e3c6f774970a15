"""A clock that moves only when a test advances it."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager

import anyio
import anyio.lowlevel

from smartops.services import Clock


class ManualClock(Clock):
    """A manual clock: sleeps end and deadlines pass in :meth:`advance`, in order.

    ``start`` is in seconds since the epoch.
    """

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()

    def time(self) -> float:
        """Return the clock's time in seconds since the epoch."""
        return self._now

    @property
    def sleepers(self) -> int:
        """The number of pending sleeps and deadlines; a test can wait for one to appear."""
        return len(self._due)

    def advance(self, seconds: float) -> None:
        """Advance the clock; each sleep and deadline ends at its own time."""
        end = self._now + seconds
        while self._due and self._due[0][0] <= end:
            self._now, _, wake = heapq.heappop(self._due)
            wake()
        self._now = end

    @asynccontextmanager
    async def running(self, step: float = 0.1, every: float = 0.001) -> AsyncIterator[None]:
        """Advance the clock within the block, by ``step`` seconds ``every`` so many real ones."""

        async def run() -> None:
            while True:
                await anyio.sleep(every)
                self.advance(step)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            yield
            tasks.cancel_scope.cancel()

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was advanced by that much."""
        if seconds <= 0:
            await anyio.lowlevel.checkpoint()
            return
        event = anyio.Event()
        entry = self._at(seconds, event.set)
        try:
            await event.wait()
        finally:
            self._forget(entry)

    def fail_after(self, seconds: float) -> AbstractContextManager[anyio.CancelScope]:
        """Return a context that raises TimeoutError once the clock was advanced by that much."""
        return self._limited(seconds)

    @contextmanager
    def after(self, seconds: float, operation: Callable[[], object]) -> Iterator[None]:
        """Return a context that calls ``operation`` once the clock was advanced by that much."""
        entry = self._at(seconds, operation)
        try:
            yield
        finally:
            self._forget(entry)

    @contextmanager
    def _limited(self, seconds: float) -> Iterator[anyio.CancelScope]:
        with anyio.CancelScope() as scope:
            entry = self._at(seconds, scope.cancel)
            try:
                yield scope
            finally:
                self._forget(entry)
        if scope.cancelled_caught:
            raise TimeoutError

    def _at(
        self, seconds: float, wake: Callable[[], object]
    ) -> tuple[float, int, Callable[[], object]]:
        entry = (self._now + seconds, next(self._numbers), wake)
        heapq.heappush(self._due, entry)
        return entry

    def _forget(self, entry: tuple[float, int, Callable[[], object]]) -> None:
        if entry in self._due:
            self._due.remove(entry)
            heapq.heapify(self._due)

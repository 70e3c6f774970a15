"""What is in flight in this process, and how its progress is reported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import anyio


class ProgressReporter:
    """Discards progress; delivery replaces it for channels that can edit messages."""

    def accepted(self) -> None:
        """Note that the pressed button was the sender's to press, and counts."""

    async def show(self, text: str, done: int, total: int) -> None:
        """Show how far it is; ``total`` is 0 if it is not known."""


class Running:
    """Which operations and messages are in flight here.

    They can be waited for, and operations can be cancelled.
    """

    def __init__(self) -> None:
        self._ends: dict[str, anyio.Event] = {}
        self._scopes: dict[str, anyio.CancelScope] = {}

    @property
    def ids(self) -> Sequence[str]:
        """The ids of operations and idempotency keys of messages that are in flight here."""
        return tuple(self._ends)

    @contextmanager
    def expect(self, id: str) -> Iterator[None]:
        """Return a context at whose end the operation is over."""
        if id in self._ends:
            yield
            return
        self.begin(id)
        try:
            yield
        finally:
            self.end(id)

    def begin(self, id: str) -> None:
        """Note that something is in flight: from now on it can be waited for."""
        self._ends.setdefault(id, anyio.Event())

    def end(self, id: str) -> None:
        """Note that it is over, and wake all that wait for it."""
        ended = self._ends.pop(id, None)
        if ended is not None:
            ended.set()

    @contextmanager
    def execute(self, id: str) -> Iterator[anyio.CancelScope]:
        """Return a context in which the operation is executed; its scope cancels it."""
        with self.expect(id), anyio.CancelScope() as scope:
            self._scopes[id] = scope
            try:
                yield scope
            finally:
                del self._scopes[id]

    async def wait(self, id: str) -> bool:
        """Wait for something to end; False if it is not in flight here."""
        ended = self._ends.get(id)
        if ended is None:
            return False
        await ended.wait()
        return True

    def cancel(self, id: str) -> bool:
        """Cancel an operation; False if it is not executed here."""
        scope = self._scopes.get(id)
        if scope is None:
            return False
        scope.cancel()
        return True

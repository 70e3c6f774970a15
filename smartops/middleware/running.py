"""The operations that this process carries out, and the work their handlers see."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import anyio
import anyio.lowlevel

from smartops.errors import BackendUnavailable, DeadlineExceeded, Refusal
from smartops.store import Operation, Store
from smartops.work import Work

from .watcher import Watcher


class Running:
    """Which operations and acts are under way here.

    They can be waited for, and operations can be cancelled.
    """

    def __init__(self) -> None:
        self._ends: dict[str, anyio.Event] = {}
        self._scopes: dict[str, anyio.CancelScope] = {}

    @property
    def ids(self) -> Sequence[str]:
        """The operations and acts that are under way here, or about to be."""
        return tuple(self._ends)

    @contextmanager
    def expect(self, id: str) -> Iterator[None]:
        """Return a context at whose end the operation is over: from now on it is waited for."""
        if id in self._ends:
            yield
            return
        self.begin(id)
        try:
            yield
        finally:
            self.end(id)

    def begin(self, id: str) -> None:
        """Take up an act: from now on it is waited for."""
        self._ends.setdefault(id, anyio.Event())

    def end(self, id: str) -> None:
        """Let those go on who wait for it."""
        ended = self._ends.pop(id, None)
        if ended is not None:
            ended.set()

    @contextmanager
    def carry(self, id: str) -> Iterator[anyio.CancelScope]:
        """Return a context in which the operation is carried out; its scope cancels it."""
        with self.expect(id), anyio.CancelScope() as scope:
            self._scopes[id] = scope
            try:
                yield scope
            finally:
                del self._scopes[id]

    async def wait(self, id: str) -> bool:
        """Wait for an operation to end; False if it is not carried out here."""
        ended = self._ends.get(id)
        if ended is None:
            return False
        await ended.wait()
        return True

    def cancel(self, id: str) -> bool:
        """Cancel an operation; False if it is not carried out here."""
        scope = self._scopes.get(id)
        if scope is None:
            return False
        scope.cancel()
        return True


class StoredWork(Work):
    """Work whose steps are kept in the store, so that the next process knows them.

    ``scopes`` are those that a person or a deadline cancels it by. With
    ``resumable`` it goes on after a crash although no step was begun. It is
    ``taken_over`` when its lease ran out, the store having been away or this
    process held up, and another process goes on with it: no step is begun twice.
    """

    def __init__(
        self,
        store: Store,
        operation: Operation,
        watcher: Watcher,
        scope: anyio.CancelScope,
        *,
        resumable: bool,
    ) -> None:
        self.id = operation.id
        self.scopes = [scope]
        self.taken_over = False
        self._store = store
        self._watcher = watcher
        self._steps: dict[str, dict[str, Any]] = json.loads(operation.steps)
        self._declared = resumable

    @property
    def resumable(self) -> bool:
        """Whether another process may go on with it."""
        return self._declared or bool(self._steps)

    @property
    def goes_on(self) -> bool:
        """True if only the end of the process cancels it, and the next one goes on with it."""
        cancelled = any(scope.cancel_called for scope in self.scopes)
        return self.taken_over or (self.resumable and not cancelled)

    async def once(self, step: str, act: Callable[[], Awaitable[Any]]) -> Any:
        """Do it, or return what it returned when it was done before."""
        kept = self._steps.get(step)
        if kept is not None and "result" in kept:
            return kept["result"]
        if kept is not None:
            raise DeadlineExceeded(
                "SmartOps was stopped in the middle, and nobody knows whether it was done",
                details="It was not tried again: check the target's state before you retry.",
            )
        if not await self._keep(step, {}):
            await self._let_go()
        try:
            result = await act()
        except (BackendUnavailable, DeadlineExceeded):
            raise  # it may have been done
        except Refusal:
            del self._steps[step]
            await self._write()
            raise
        await self._keep(step, {"result": result})
        return result

    async def progress(self, text: str, *, done: int = 0, total: int = 0) -> None:
        """Tell the person how far it is."""
        await self._watcher.show(text, done, total)

    async def _keep(self, step: str, what: dict[str, Any]) -> bool:
        self._steps[step] = what
        with anyio.CancelScope(shield=True):
            if await self._write():
                return True
        return False

    async def _write(self) -> bool:
        steps = json.dumps(self._steps)
        return await self._store.keep_steps(self.id, steps, resumable=self.resumable)

    async def _let_go(self) -> NoReturn:
        self.taken_over = True
        self.scopes[0].cancel()
        await anyio.lowlevel.checkpoint()
        raise DeadlineExceeded("Another process goes on with this")  # the handler is shielded

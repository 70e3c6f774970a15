"""The plugins' lifespans. Each is entered and left in one task of its own.

A cancel scope must be closed by the task that opened it, so a lifespan can hold
a task group only if nothing else is opened and closed in its task.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup

from smartops.contained import Caught
from smartops.errors import Problem, StartupError
from smartops.plugins import Offer, brief

log = logging.getLogger("smartops.app")

CLOSE_TIMEOUT = 10.0


class Lifespans:
    """Enters lifespans in order and leaves them in reverse order."""

    def __init__(self, group: TaskGroup) -> None:
        self._group = group
        self._lifespans: list[_Lifespan] = []

    async def enter(self, offers: Iterable[Offer]) -> None:
        """Enter one after the other; raises StartupError for the first that fails."""
        for offer in offers:
            lifespan = _Lifespan(offer)
            self._lifespans.append(lifespan)
            self._group.start_soon(lifespan.run)
            await lifespan.settled.wait()
            if lifespan.failure is not None:
                where = f"plugin {offer.owner}"
                raise StartupError(Problem(brief(lifespan.failure), where=where, path="lifespan"))

    async def leave(self) -> None:
        """Leave all that were entered, also when the app is cancelled."""
        with anyio.CancelScope(shield=True):
            for lifespan in reversed(self._lifespans):
                await lifespan.leave()


class _Lifespan:
    """One plugin's lifespan. ``settled`` is set once it was entered or failed."""

    def __init__(self, offer: Offer) -> None:
        self._offer = offer
        self._scope = anyio.CancelScope(shield=True)
        self._entered = False
        self._leaving = anyio.Event()
        self._left = anyio.Event()
        self.settled = anyio.Event()
        self.failure: BaseException | None = None

    async def run(self) -> None:
        try:
            with Caught() as caught:
                with self._scope:
                    async with self._offer.value:
                        self._entered = True
                        self.settled.set()
                        await self._leaving.wait()
                if not self._leaving.is_set():
                    log.error("the lifespan of plugin %s ended early", self._offer.owner)
            if caught.error is not None:
                self._fail(sole(caught.error))
        finally:
            self.settled.set()
            self._left.set()

    async def leave(self) -> None:
        self._leaving.set()
        if not self._entered:
            self._scope.cancel()
        with anyio.move_on_after(CLOSE_TIMEOUT):
            await self._left.wait()
            return
        owner = self._offer.owner
        log.error("plugin %s did not close within %g seconds", owner, CLOSE_TIMEOUT)
        self._scope.cancel()

    def _fail(self, error: BaseException) -> None:
        self.failure, owner = error, self._offer.owner
        if not self._entered:
            log.debug("the lifespan of plugin %s was not entered", owner, exc_info=error)
        elif self._leaving.is_set():
            log.error("plugin %s did not close cleanly", owner, exc_info=error)
        else:
            log.error("the lifespan of plugin %s failed", owner, exc_info=error)


@asynccontextmanager
async def left_at_exit() -> AsyncIterator[Lifespans]:
    """Return lifespans to enter, which are left at the exit."""
    async with anyio.create_task_group() as group:
        lifespans = Lifespans(group)
        try:
            yield lifespans
        finally:
            await lifespans.leave()


def sole(error: BaseException) -> BaseException:
    """Return the exception that task groups wrapped, if it is only one."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error

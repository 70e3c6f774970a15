"""What goes on beside the messages: leases, orphans, revocations, expiry.

A process renews the lease on what it is carrying out and answering, until the
last of it is done: at shutdown it takes over nothing more, but holds on to what
it finishes. What nobody is at work on, because its process died or because
something failed on the way, is found with a lapsed lease by whichever process
looks first. Resumable work goes on; other changes are marked unknown, for they
may have happened, and are never repeated; and messages are answered.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

import anyio

from smartops.contained import Caught
from smartops.services import Clock
from smartops.store import LEASE, Operation, Store, StoreUnavailable

log = logging.getLogger("smartops.housekeeping")

TICK = 2.0
SWEEP = 3600.0


class Housekeeping:
    """The periodic work of one process.

    ``revoked`` is kept up to date in place. ``carried`` returns the operations
    and ``answered`` the idempotency keys that this process is at work on. ``cancel`` is told
    of operations that are to be stopped, ``resume`` goes on with one, ``lost``
    records that the outcome of one is unknown,
    ``take_over`` answers the messages that nobody is at work on. Unless it
    ``adopts``, it renews its own leases and leaves the rest to other processes.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        revoked: set[str],
        *,
        carried: Callable[[], Sequence[str]],
        answered: Callable[[], Sequence[str]],
        cancel: Callable[[str], object],
        resume: Callable[[Operation], None],
        lost: Callable[[Operation], None],
        take_over: Callable[[], Awaitable[None]],
        adopts: bool = True,
    ) -> None:
        self._store = store
        self._clock = clock
        self._revoked = revoked
        self._carried = carried
        self._answered = answered
        self._cancel = cancel
        self._resume = resume
        self._lost = lost
        self._take_over = take_over
        self._renewed = 0.0
        self._swept = 0.0
        self._adopts = adopts
        self._was_away = False
        self._at_work = anyio.Lock()

    async def forever(self) -> None:
        """Work every few seconds until cancelled; a failing store is logged and tried again."""
        while True:
            await self._clock.sleep(TICK)
            with Caught(log, "housekeeping failed; it is tried again in %g seconds", TICK):
                await self.once()

    async def leave(self) -> None:
        """Take over nothing from now on: this process stops."""
        async with self._at_work:
            self._adopts = False

    async def once(self) -> None:
        """Do what is due.

        When the store was away, the other processes could not renew their leases
        either: in the round after that, nothing is taken over.
        """
        async with self._at_work:
            try:
                await self._do_what_is_due()
            except StoreUnavailable:
                self._was_away = True
                raise

    async def _do_what_is_due(self) -> None:
        now = self._clock.time()
        revoked = await self._store.revoked()
        self._revoked |= revoked
        self._revoked &= revoked
        for operation_id in await self._store.cancel_requests():
            self._cancel(operation_id)
        if now - self._renewed >= LEASE / 3:
            await self._store.renew(now + LEASE, self._carried(), self._answered())
            if self._adopts and not self._was_away:
                await self._adopt(now)
                await self._take_over()
            self._renewed, self._was_away = now, False
        if self._adopts and now - self._swept >= SWEEP and not await self._store.sweep(now):
            self._swept = now  # else the rest has its turn after the leases

    async def _adopt(self, now: float) -> None:
        for operation in await self._store.orphans(now):
            if operation.state == "running":
                if operation.id not in self._carried():
                    self._resume(operation)
                continue
            log.warning(
                "outcome unknown: %s of %s was under way when SmartOps stopped",
                operation.id,
                operation.person,
            )
            self._lost(operation)

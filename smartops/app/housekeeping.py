"""Periodic work beside the messages: leases, orphans, revocations, expiry.

A process renews the leases on what it executes and answers until all of it is
done. At shutdown it takes over nothing more, but renews the leases on what it
finishes. When a process stops or fails, its leases expire, and the first process
that finds one takes the work over. Resumable operations are resumed; other changes are
marked unknown, for they may have happened, and are never repeated; messages are
answered.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import anyio

from smartops.contained import Caught
from smartops.services import Clock
from smartops.store import LEASE, Operation, Store, StoreUnavailable

log = logging.getLogger("smartops.housekeeping")

TICK = 2.0
SWEEP = 3600.0
CHECKPOINT = 60.0


@dataclass(eq=False, kw_only=True)
class Housekeeping:
    """The periodic work of one process.

    ``revoked`` is updated in place. ``executing`` returns the ids of the operations and
    ``answering`` the idempotency keys of the messages in flight here. ``cancel`` is called
    for operations that are to be stopped, ``resume`` resumes one, ``lost`` writes the audit
    event of one whose outcome is unknown, ``take_over`` answers abandoned messages.
    ``grants`` reads which roles are held for a time, ``look`` looks after requests for the
    approval of others. Unless it ``adopts``, it renews its own leases and leaves the rest to
    other processes.
    """

    store: Store
    clock: Clock
    revoked: set[str]
    executing: Callable[[], Sequence[str]]
    answering: Callable[[], Sequence[str]]
    cancel: Callable[[str], object]
    resume: Callable[[Operation], None]
    lost: Callable[[Operation], None]
    take_over: Callable[[], Awaitable[None]]
    grants: Callable[[], Awaitable[None]]
    look: Callable[[], Awaitable[None]]
    adopts: bool = True
    _renewed: float = 0.0
    _swept: float = 0.0
    _checkpointed: float = 0.0
    _was_away: bool = False
    _working: anyio.Lock = field(default_factory=anyio.Lock)

    async def forever(self) -> None:
        """Work every few seconds until cancelled; a failing store is logged and tried again."""
        while True:
            await self.clock.sleep(TICK)
            with Caught(log, "housekeeping failed; it is tried again in %g seconds", TICK):
                await self.once()

    async def leave(self) -> None:
        """Take over nothing from now on: this process stops."""
        async with self._working:
            self.adopts = False

    async def once(self) -> None:
        """Do what is due.

        When the store was away, the other processes could not renew their leases
        either: in the round after that, nothing is taken over.
        """
        async with self._working:
            try:
                await self._do_what_is_due()
            except StoreUnavailable:
                self._was_away = True
                raise

    async def _do_what_is_due(self) -> None:
        now = self.clock.time()
        revoked = await self.store.revoked()
        self.revoked |= revoked
        self.revoked &= revoked
        await self.grants()
        for operation_id in await self.store.cancel_requests():
            self.cancel(operation_id)
        if self.adopts:
            await self.look()
        if abs(now - self._renewed) >= LEASE / 3:  # the clock may have been put back
            await self.store.renew(now + LEASE, self.executing(), self.answering())
            if self.adopts and not self._was_away:
                await self._adopt(now)
                await self.take_over()
            self._renewed, self._was_away = now, False
        due = self.adopts and abs(now - self._checkpointed) >= CHECKPOINT
        if due and await self.store.checkpoint():
            self._checkpointed = now
        if self.adopts and abs(now - self._swept) >= SWEEP and not await self.store.sweep(now):
            self._swept = now  # if rows are left, the next round deletes more

    async def _adopt(self, now: float) -> None:
        for operation in await self.store.orphans(now):
            if operation.state == "running":
                if operation.id not in self.executing():
                    self.resume(operation)
                continue
            log.warning(
                "outcome unknown: %s of %s was under way when SmartOps stopped",
                operation.id,
                operation.person,
            )
            self.lost(operation)

"""What goes on beside the messages: leases, orphans, revocations, expiry.

A process renews the lease on the changes it is carrying out. When one dies,
another process (or the next start) finds its changes with a lapsed lease and
marks them unknown: they may have happened, and are never repeated.
"""

from __future__ import annotations

import logging

from smartops.services import Clock
from smartops.store import LEASE, Store

log = logging.getLogger("smartops.housekeeping")

TICK = 2.0
SWEEP = 3600.0


class Housekeeping:
    """The periodic work of one process. ``revoked`` is kept up to date in place."""

    def __init__(self, store: Store, clock: Clock, owner: str, revoked: set[str]) -> None:
        self._store = store
        self._clock = clock
        self._owner = owner
        self._revoked = revoked
        self._renewed = 0.0
        self._swept = 0.0

    async def forever(self) -> None:
        """Work every few seconds until cancelled; a failing store is logged and tried again."""
        while True:
            await self._clock.sleep(TICK)
            try:
                await self.once()
            except Exception:
                log.exception("housekeeping failed; it is tried again in %g seconds", TICK)

    async def once(self) -> None:
        """Do what is due."""
        now = self._clock.time()
        revoked = await self._store.revoked()
        self._revoked |= revoked
        self._revoked &= revoked
        if now - self._renewed >= LEASE / 3:
            await self._store.renew(self._owner, now + LEASE)
            await self._adopt(now)
            self._renewed = now
        if now - self._swept >= SWEEP:
            await self._store.sweep(now)
            self._swept = now

    async def _adopt(self, now: float) -> None:
        for operation in await self._store.orphans(now):
            log.warning(
                "outcome unknown: %s by %s was under way when SmartOps stopped (operation %s)",
                operation.command_text,
                operation.person,
                operation.id,
            )

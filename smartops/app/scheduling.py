"""Running schedules: at each time a message of the owner, with its own idempotency key.

So a run is a message like any other: it is claimed once over replicas and restarts, passes the
whole gate with the rights of that moment, and is answered in its place. A time that was missed for
longer than :data:`LATE` is skipped.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from cachetools import TTLCache

from smartops.contained import Caught
from smartops.errors import BackendUnavailable, Refusal
from smartops.schedules import KEEP, Schedule
from smartops.services import Clock
from smartops.store import Store, StoreUnavailable

from .delivery import Delivery

log = logging.getLogger("smartops.schedules")

TICK = 2.0
"""How many seconds lie between two looks."""
LATE = 300.0
"""For how many seconds a run that was missed is made up for."""
MOST = 10_000
"""How many runs are remembered so that they are not sent again; the store knows all."""


class Scheduling:
    """Sends the messages of schedules when they are due. ``fixed`` are of the configuration."""

    def __init__(
        self,
        store: Store,
        delivery: Delivery,
        clock: Clock,
        fixed: Sequence[Schedule],
    ) -> None:
        self._store = store
        self._delivery = delivery
        self._clock = clock
        self._fixed = fixed
        self._sent: TTLCache[str, bool] = TTLCache(MOST, 2 * LATE, timer=clock.time)

    async def forever(self) -> None:
        """Look every few seconds until cancelled."""
        while True:
            with Caught(log, "schedules were not looked after"):
                try:
                    await self.look()
                except StoreUnavailable as error:
                    log.warning("schedules are not looked after: %s", error)
            await self._clock.sleep(TICK)

    async def look(self) -> None:
        """Send what is due."""
        stored = await self._store.facts(KEEP)
        now = self._clock.time()
        for schedule in (*self._fixed, *map(Schedule.load, stored.values())):
            with Caught(log, "%s was not looked after", schedule.id):
                for due in {schedule.due(self._clock.now(), timedelta(seconds=LATE)), schedule.now}:
                    if now - due <= LATE and f"{schedule.id}:{due}" not in self._sent:
                        await self._run(schedule, due)

    async def _run(self, schedule: Schedule, due: float) -> None:
        key = f"{schedule.id}:{due}"
        try:
            channel, message = await self._delivery.addressed(schedule.place, key)
            made = replace(
                message, sender=schedule.identity, text=schedule.text, schedule=schedule.id
            )
            await self._delivery.accept(channel, [made])
        except BackendUnavailable as error:
            log.warning("%s cannot run yet: %s", schedule.id, error)
            return
        except Refusal as error:
            log.error("%s cannot run: %s", schedule.id, error)
        self._sent[key] = True

"""Running schedules: at each time a message of the owner, with its own idempotency key.

So a run is a message like any other: it is claimed once over replicas and restarts, passes the
whole gate with the rights of that moment, and is answered in its place. A time that was missed for
longer than :data:`LATE` is skipped.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from smartops.auth.demands import place
from smartops.channel import Channel
from smartops.contained import Caught, contained
from smartops.errors import BackendUnavailable, Refusal, ValidationFailed
from smartops.message import Message
from smartops.schedules import KEEP, Schedule
from smartops.services import Clock
from smartops.store import Store, StoreUnavailable

log = logging.getLogger("smartops.schedules")

TICK = 2.0
"""How many seconds lie between two looks."""
LATE = 300.0
"""For how many seconds a run that was missed is made up for."""

Accept = Callable[[Channel, Sequence[Message]], Awaitable[None]]


class Scheduling:
    """Sends the messages of schedules when they are due. ``fixed`` are of the configuration."""

    def __init__(
        self,
        store: Store,
        channels: Iterable[Channel],
        clock: Clock,
        fixed: Sequence[Schedule],
        accept: Accept,
    ) -> None:
        self._store = store
        self._channels: Mapping[str, Channel] = {item.name: item for item in channels}
        self._clock = clock
        self._fixed = fixed
        self._accept = accept
        self._sent: dict[str, float] = {}

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
                for due in {schedule.due(now, LATE), schedule.now}:
                    if now - due <= LATE and f"{schedule.id}:{due}" not in self._sent:
                        await self._run(schedule, due)

    async def _run(self, schedule: Schedule, due: float) -> None:
        key = f"{schedule.id}:{due}"
        try:
            target = place(schedule.place, {})
            channel = self._channels.get(target.channel)
            if channel is None:
                raise ValidationFailed(f"there is no channel {target.channel}")
            message = await contained(channel.name, channel.address(target, key))
            made = replace(
                message, sender=schedule.identity, text=schedule.text, schedule=schedule.id
            )
            await self._accept(channel, [made])
        except BackendUnavailable as error:
            log.warning("%s cannot run yet: %s", schedule.id, error)
            return
        except Refusal as error:
            log.error("%s cannot run: %s", schedule.id, error)
        self._forget()
        self._sent[key] = due

    def _forget(self) -> None:
        """Forget the runs that are too old to be sent again."""
        before = self._clock.time() - 2 * LATE
        self._sent = {key: due for key, due in self._sent.items() if due > before}

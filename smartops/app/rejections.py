"""Audit events about requests without proof of origin; a flood causes only a few."""

from __future__ import annotations

from collections.abc import Callable

from cachetools import TTLCache

from smartops.errors import Refusal
from smartops.message import Inbound
from smartops.services import Clock
from smartops.store import AuditEvent

WINDOW = 60.0
"""For how many seconds an address causes no further event."""
ADDRESSES = 1000
"""The maximum number of events in that time."""


class Rejections:
    """Adds one event a minute for each address; ``add`` adds an event to the audit log."""

    def __init__(self, clock: Clock, add: Callable[[AuditEvent], None]) -> None:
        self._clock = clock
        self._add = add
        self._lately: TTLCache[str, bool] = TTLCache(ADDRESSES, WINDOW, timer=clock.time)
        self._further = 0

    def note(self, channel: str, inbound: Inbound, refusal: Refusal) -> None:
        """Add an event about a refused request, or count it for the next event."""
        if inbound.peer in self._lately or len(self._lately) == ADDRESSES:
            self._further += 1
            return
        self._lately[inbound.peer] = True
        text = f"refused from {inbound.peer or 'an unknown address'}"
        if self._further:
            text += f", after {self._further} more without an event of their own"
        self._further = 0
        event = AuditEvent.of(
            "unauthenticated",
            self._clock.time(),
            f"{text}: {refusal.reason or refusal.message}",
            request_id=inbound.request_id,
            place=channel,
            outcome=refusal.code,
        )
        self._add(event)

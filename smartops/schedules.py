"""Schedules: commands that run at times, as their owner, in a place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from smartops.cron import last_start, next_start
from smartops.message import Identity

KEEP = "(schedules)"
"""Under which name schedules are in the key-value store; no plugin is called that."""

DAYS = {
    "day": "*",
    "weekday": "1-5",
    **{
        name: str(number)
        for number, name in enumerate(
            ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
        )
    },
}
"""Words for days, and what they are in a cron expression."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """One schedule. ``identity`` is its owner's, ``place`` where replies are posted.

    It runs at times after ``since``, and once for ``now`` if that is set, both in seconds since
    the epoch. Those of the configuration are ``fixed``: only the file changes them.
    """

    id: str
    identity: Identity
    text: str
    cron: str
    timezone: str
    place: str
    since: float = 0.0
    paused: bool = False
    now: float = 0.0
    fixed: bool = False

    def due(self, now: datetime, within: timedelta) -> float:
        """Return when it ran last, or should have, ``within`` that time before ``now``; else 0."""
        last = None if self.paused else last_start(self.cron, now, ZoneInfo(self.timezone))
        recent = last is not None and now - last < within
        return last.timestamp() if last and recent and last.timestamp() > self.since else 0.0

    def next(self, now: datetime) -> datetime | None:
        """Return when it runs next, in its time zone; None if never again."""
        zone = ZoneInfo(self.timezone)
        start = next_start(self.cron, now, zone)
        return start and start.astimezone(zone)

    def dump(self) -> str:
        """Return it as JSON for the store; :meth:`load` reads it."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def load(cls, stored: str) -> Self:
        """Return the schedule that :meth:`dump` stored."""
        members = json.loads(stored)
        return cls(**{**members, "identity": Identity(**members["identity"])})


@dataclass(frozen=True, slots=True)
class Schedules:
    """What the configuration says: its schedules, names of places, and channels that can post."""

    fixed: tuple[Schedule, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)
    channels: frozenset[str] = frozenset()

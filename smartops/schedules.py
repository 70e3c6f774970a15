"""Schedules: commands that run at times, as their owner, in a place.

Times are cron expressions of five fields in a time zone, read as Debian's cron does: a local time
that is skipped in spring runs right after the gap, and one that comes twice in autumn runs once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Self
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

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

    def due(self, now: float, within: float) -> float:
        """Return when it ran last, or should have, ``within`` seconds before ``now``; else 0."""
        first = max(self.since, now - within)
        found = 0.0
        if not self.paused:
            for moment in CronSim(self.cron, self._local(first)):
                if (at := moment.timestamp()) > now:
                    break
                found = at if at > first else found  # in a doubled hour it may be the first one
        return found

    def next(self, now: float) -> datetime:
        """Return when it runs next, in its time zone."""
        found = CronSim(self.cron, self._local(now))
        return next(moment for moment in found if moment.timestamp() > now)

    def _local(self, at: float) -> datetime:
        return datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(self.timezone))

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


def why_no_cron(text: str) -> str:
    """Return why a text is no cron expression of five fields; empty if it is one."""
    if len(text.split()) != 5:
        return "it needs five fields, such as 0 9 * * 1-5"
    try:
        CronSim(text, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        return str(error)
    return ""

"""When a freeze or a lock ends, as people write it and as it is shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from smartops import ValidationFailed
from smartops.guards import format_duration

_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_YEARS = range(2000, 3000)
_EXAMPLES = "18:00, 2026-12-24T18:00 or 2026-12-24T18:00+01:00"


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as it was written: ``18:00``, or a date and time, with or without an offset."""

    text: str

    def __str__(self) -> str:
        return self.text

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the moment; raises ValueError if it is none."""
        if not _CLOCK.fullmatch(text) and datetime.fromisoformat(text).year not in _YEARS:
            raise ValueError("a year that cannot be meant")
        return cls(text)

    def after(self, now: datetime, zone: ZoneInfo) -> datetime:
        """Return the moment in UTC: ``18:00`` is the next one. Raises ValidationFailed if past."""
        for moment in self._candidates(now.astimezone(zone), zone):
            if moment.astimezone(UTC) > now:
                return moment.astimezone(UTC)
        raise ValidationFailed(f"{self.text} is in the past", details=f"Write {_EXAMPLES}")

    def _candidates(self, now: datetime, zone: ZoneInfo) -> list[datetime]:
        """Return the possible moments, in order: a local time may come twice in autumn."""
        if _CLOCK.fullmatch(self.text):
            hour, minute = map(int, self.text.split(":"))
            first = now.replace(hour=hour, minute=minute, second=0, microsecond=0, tzinfo=None)
            found = [first, first + timedelta(days=1)]
        else:
            found = [datetime.fromisoformat(self.text)]
        return [
            moment if moment.tzinfo else moment.replace(tzinfo=zone, fold=fold)
            for moment in found
            for fold in (0, 1)
        ]


def end_of(
    now: datetime, zone: ZoneInfo, until: Moment | None, duration: timedelta | None
) -> datetime:
    """Return when something ends; raises ValidationFailed unless one of both is given."""
    if (until is None) == (duration is None):
        raise ValidationFailed(
            "It needs an end", details=f"Write: for 2h, or: until TIME, such as {_EXAMPLES}"
        )
    if until is not None:
        return until.after(now, zone)
    assert duration is not None
    if duration < timedelta(minutes=1):
        raise ValidationFailed("It must last for a minute at least")
    return now + duration


def span(end: datetime, zone: ZoneInfo, duration: timedelta | None) -> str:
    """Return the end as in a plan, which must not change while time passes."""
    return f"for {format_duration(duration)}" if duration else f"until {shown(end, zone)}"


def shown(moment: datetime, zone: ZoneInfo) -> str:
    """Return a time as people read it."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M %Z}"

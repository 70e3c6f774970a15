"""Cron expressions of five fields in a time zone, read as Debian's cron does.

A local time that is skipped in spring runs right after the gap; one that comes twice in autumn runs
once, and times of every hour run in every hour.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_DOUBLED = timedelta(hours=3)


def last_start(cron: str, now: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the last start until now, in UTC.

    The search begins after any hour that comes twice: within one, cronsim overlooks what began
    in the first of both.
    """
    found = (it.astimezone(UTC) for it in CronSim(cron, (now + _DOUBLED).astimezone(zone), True))
    return next((start for start in found if start <= now), None)


def next_start(cron: str, now: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the first start after now, in UTC."""
    found = (it.astimezone(UTC) for it in CronSim(cron, now.astimezone(zone)))
    return next((start for start in found if start > now), None)


def why_no_cron(text: str) -> str:
    """Return why a text is no cron expression of five fields; empty if it is one."""
    if len(text.split()) != 5:
        return "it must have five fields, such as 0 9 * * 1-5"
    try:
        CronSim(text, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        return str(error)
    return ""

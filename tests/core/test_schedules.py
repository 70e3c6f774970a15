"""When schedules run, compared with a slow and simple implementation, in three time zones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartops import Identity
from smartops.cron import why_no_cron
from smartops.schedules import Schedule

ZONES = ("Europe/Berlin", "America/New_York", "UTC")
HOUR = timedelta(hours=1)


def schedule(cron: str, zone: str = "UTC", **more: float) -> Schedule:
    identity = Identity("slack", "T1", "U1")
    return Schedule("sc-1", identity, "list instances", cron, zone, "slack/T1/C1", **more)


def slow_due(now: datetime, zone: str, hour: int, minute: int, days: frozenset[int]) -> datetime:
    """Return the last run until ``now``: for each day back, the first moment at that local time.

    Where that time is skipped, it is the first moment after the gap.
    """
    local = now.astimezone(ZoneInfo(zone))
    for back in range(15):
        day = (local - timedelta(days=back)).date()
        if day.isoweekday() % 7 not in days:
            continue
        wanted = (hour, minute)
        moment = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=16)
        while True:
            there = moment.astimezone(ZoneInfo(zone))
            if there.date() == day and (there.hour, there.minute) >= wanted:
                break
            moment += timedelta(minutes=1)
        if moment <= now:
            return moment
    raise AssertionError("no run in two weeks")


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    day=st.integers(0, 729),
    second=st.integers(0, 86_399),
    hour=st.integers(0, 23),
    minute=st.sampled_from((0, 15, 30, 59)),
    days=st.sampled_from(("*", "1-5", "0", "6")),
)
def test_schedules_run_at_the_times_of_a_simple_calendar(
    zone: str, day: int, second: int, hour: int, minute: int, days: str
) -> None:
    now = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(days=day, seconds=second)
    check(zone, now, hour, minute, days)


CHANGES = [  # nights on which clocks change, in UTC: after the gap, and around the doubled hour
    ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
]


@pytest.mark.parametrize(("zone", "night"), CHANGES)
@pytest.mark.parametrize("hour", [0, 1, 2, 3])
def test_schedules_run_once_when_clocks_change(zone: str, night: datetime, hour: int) -> None:
    for step in range(-60, 120):
        check(zone, night + step * timedelta(minutes=3, seconds=1), hour, 30, "*")


@pytest.mark.parametrize(("zone", "night"), CHANGES)
def test_schedules_of_every_hour_run_in_every_hour(zone: str, night: datetime) -> None:
    made = schedule("*/30 * * * *", zone)
    for step in range(-60, 120):
        now = night + step * timedelta(minutes=3, seconds=1)
        at = now.timestamp()
        assert made.due(now, HOUR) == at - at % 1800
        upcoming = made.next(now)
        assert upcoming is not None
        assert upcoming.timestamp() == at - at % 1800 + 1800


def check(zone: str, now: datetime, hour: int, minute: int, days: str) -> None:
    numbers = {"*": range(7), "1-5": range(1, 6)}.get(days) or (int(days),)
    expected = slow_due(now, zone, hour, minute, frozenset(numbers))
    made = schedule(f"{minute} {hour} * * {days}", zone)
    assert made.due(now, timedelta(days=15)) == expected.timestamp()
    recent = timedelta(0) <= now - expected < timedelta(minutes=5)
    assert made.due(now, timedelta(minutes=5)) == (expected.timestamp() if recent else 0)


def test_a_schedule_does_not_run_for_times_before_it_was_made_or_while_it_is_paused() -> None:
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    now, day = noon + HOUR, timedelta(days=1)
    assert schedule("0 12 * * *").due(now, day) == noon.timestamp()
    assert schedule("0 12 * * *", since=noon.timestamp()).due(now, day) == 0
    assert schedule("0 12 * * *", paused=True).due(now, day) == 0


def test_a_schedule_is_the_same_after_it_was_stored() -> None:
    made = schedule("0 12 * * *", since=5.0)
    assert Schedule.load(made.dump()) == made


@pytest.mark.parametrize(
    "text", ["", "* * * *", "0 0 0 1 1 1", "60 * * * *", "0 0 30 2 *", "@daily"]
)
def test_what_is_no_cron_expression_says_why(text: str) -> None:
    assert why_no_cron(text)

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartops.backends import DayCost, Sample
from smartops_health.judge import streak
from smartops_health.trends import change, cost_change, spread, usage_change

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PERIOD = timedelta(minutes=5)


@pytest.mark.anyio
async def test_trends_are_computed_from_the_data(load):
    plugin = load()
    plugin.add("i-1", cpu=[40.0] * 12 + [46.0] * 12, disk=[50.0] * 12 + [49.0] * 12)
    plugin.add("i-2", cpu=[20.0] * 12 + [23.0] * 12, launched=NOON - timedelta(hours=23))
    plugin.add("i-3", state="stopped", launched=NOON - timedelta(hours=25))
    plugin.add("i-4", state="pending", launched=NOON - timedelta(minutes=1))
    plugin.ledger.amounts = [1000.0] * 3 + [10.0] * 7 + [10.8] * 7
    trends = (await plugin.check()).data["trends"]
    assert trends == {
        "cpu_trend": "+15%",
        "memory_trend": "+0%",
        "disk_trend": "-2%",
        "cost_trend": "+8%",
        "instance_count_change": "+2",
        "unknown": ["memory_trend"],
    }


@pytest.mark.anyio
async def test_trends_of_a_large_fleet_are_sampled_and_noted(load):
    plugin = load(trend_sample=5)
    for number in range(20):
        plugin.add(f"i-{number:02}")
    reply = await plugin.check()
    assert plugin.gauges.series_asked == [("cpu", 5), ("memory", 5), ("disk", 5)]
    assert reply.view[-1].text == "Usage trends are of 5 of 20 running instances."


def samples(*values: float | None) -> tuple[Sample, ...]:
    start = NOON - PERIOD * len(values)
    found = ((start + PERIOD * index, value) for index, value in enumerate(values))
    return tuple(Sample(at, value) for at, value in found if value is not None)


def test_an_instance_measured_in_only_one_window_is_ignored():
    middle = NOON - PERIOD
    assert usage_change({"new": samples(None, 90.0), "old": samples(50.0, 55.0)}, middle) == "+10%"
    assert usage_change({"new": samples(None, 90.0)}, middle) is None
    assert usage_change({}, middle) is None


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [(100, 115, "+15%"), (100, 99.9, "+0%"), (100, 0, "-100%"), (0, 5, None), (0, 0, None)],
)
def test_changes_are_relative(before, after, text):
    assert change(before, after) == text


def test_cost_needs_two_full_weeks():
    days = tuple(DayCost(date(2026, 11, 1) + timedelta(days=day), 5.0) for day in range(14))
    assert cost_change(days) == "+0%"
    assert cost_change(days[1:]) is None


@given(st.integers(0, 300), st.integers(1, 100))
@settings(deadline=None)
def test_a_sample_is_evenly_spaced_bounded_and_without_duplicates(total, most):
    chosen = spread(range(total), most)
    assert len(chosen) == min(total, most)
    assert len(set(chosen)) == len(chosen)


@given(st.lists(st.one_of(st.none(), st.floats(0, 100)), max_size=24), st.floats(0, 100))
@settings(deadline=None)
def test_all_samples_of_a_streak_are_at_the_level(values, level):
    since = NOON - PERIOD * 24
    found = streak(samples(*values), level, period=PERIOD, since=since, now=NOON)
    measured = [value for value in values if value is not None]
    if found is None:
        assert not measured or measured[-1] < level
        return
    assert timedelta(0) < found.length <= NOON - since
    count = found.length // PERIOD
    tail = measured[-1:] if values[-1] is None else values[-count:]
    assert all(value >= level for value in tail)
    assert found.average >= level or found.average == pytest.approx(level)


def test_the_last_period_counts_up_to_now():
    now = NOON + timedelta(minutes=2)
    later = (*samples(90.0, 90.0), Sample(NOON, 90.0))
    found = streak(later, 80, period=PERIOD, since=NOON - timedelta(hours=1), now=now)
    assert found.length == timedelta(minutes=12)

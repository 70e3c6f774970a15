"""Metrics and costs of several backends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from machines import machine
from smartops import BackendUnavailable, Costs, PermissionDenied, Refusal, ValidationFailed
from smartops.backends import DayCost, Failure, PartialList, PartialMap, Query, failures_of
from smartops.fleet import ComputeGroup, CostsGroup, MetricsGroup
from smartops.testing import ManualClock
from smartops_fake.backend import Fake

pytestmark = pytest.mark.anyio

Clouds = Callable[..., list[Fake]]
EU, US = "prod/eu-central-1", "prod/us-east-1"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
AWAY = {"operation": ["latest", "series", "daily"], "code": "BACKEND_UNAVAILABLE"}


async def test_each_backend_is_asked_about_its_own_instances(
    clouds: Clouds, clock: ManualClock
) -> None:
    both = clouds()
    metrics = MetricsGroup(both, clock)
    page = await ComputeGroup(both, clock).list(Query(states=("running",)))
    stranger = machine("i-1", backend="elsewhere")
    found = await metrics.latest([*page.instances, stranger])
    assert set(found) == {item.id for item in page.instances}
    assert failures_of(found) == ()
    for single in both:
        own = [item for item in page.instances if item.backend == single.name]
        assert own
        for id_, usage in (await single.latest(own)).items():
            assert found[id_] == usage
    series = await metrics.series(
        "cpu", page.instances, since=clock.now() - HOUR, period=5 * MINUTE
    )
    assert set(series) == set(found)
    assert await metrics.latest([stranger]) == {}


async def test_failed_metrics_backends_are_named(clouds: Clouds, clock: ManualClock) -> None:
    both = clouds(us=[AWAY])
    metrics = MetricsGroup(both, clock)
    page = await ComputeGroup(both, clock).list(Query(states=("running",)))
    ours = {item.id for item in page.instances if item.backend == EU}
    found = await metrics.latest(page.instances)
    assert set(found) == ours
    assert [item.backend for item in failures_of(found)] == [US]
    series = await metrics.series("cpu", page.instances, since=clock.now() - HOUR, period=MINUTE)
    assert set(series) == ours
    assert [item.backend for item in failures_of(series)] == [US]
    theirs = [item for item in page.instances if item.backend == US]
    nothing = await metrics.latest(theirs)
    assert nothing == {}
    assert [item.error.code for item in failures_of(nothing)] == ["BACKEND_UNAVAILABLE"]


async def test_a_request_that_all_refuse_is_refused(clouds: Clouds, clock: ManualClock) -> None:
    both = clouds()
    metrics = MetricsGroup(both, clock)
    page = await ComputeGroup(both, clock).list(Query())
    with pytest.raises(ValidationFailed):
        await metrics.series("cpu", page.instances, since=clock.now(), period=timedelta(0))


class Bill(Costs):
    """A Costs in memory, or one that fails."""

    def __init__(self, name: str, answer: tuple[DayCost, ...] | Refusal) -> None:
        self.name = name
        self.answer = answer

    async def ping(self) -> None: ...

    async def daily(self, days: int, by: str = "") -> tuple[DayCost, ...]:
        if isinstance(self.answer, Refusal):
            raise self.answer
        return self.answer


def days(*amounts: float, first: int = 1, currency: str = "USD") -> tuple[DayCost, ...]:
    return tuple(
        DayCost(date(2026, 11, first + number), amount, currency)
        for number, amount in enumerate(amounts)
    )


async def test_costs_are_added_by_day(clouds: Clouds, clock: ManualClock) -> None:
    both = clouds()
    total = await CostsGroup(both, clock).daily(14)
    one, two = [await single.daily(14) for single in both]
    assert [item.day for item in total] == [item.day for item in one]
    for whole, first, second in zip(total, one, two, strict=True):
        assert whole.amount == pytest.approx(first.amount + second.amount)
    assert failures_of(total) == ()


async def test_currencies_are_separate(clock: ManualClock) -> None:
    group = CostsGroup([Bill("a", days(1.1, 2.2)), Bill("b", days(5, 6, currency="EUR"))], clock)
    assert [(item.day.day, item.amount, item.currency) for item in await group.daily(2)] == [
        (1, 5, "EUR"),
        (1, 1.1, "USD"),
        (2, 6, "EUR"),
        (2, 2.2, "USD"),
    ]


async def test_a_day_that_one_backend_has_not_billed_is_left_out(clock: ManualClock) -> None:
    group = CostsGroup([Bill("a", days(1, 2, 3)), Bill("b", days(10, 20, 30, first=2))], clock)
    assert await group.daily(3) == days(12, 23, first=2)


async def test_failed_costs_backends_are_named(clock: ManualClock) -> None:
    denied = PermissionDenied("no right to see bills")
    group = CostsGroup([Bill("a", days(1, 2)), Bill("b", denied)], clock)
    total = await group.daily(2)
    assert total == days(1, 2)
    assert failures_of(total) == (Failure("b", denied),)
    with pytest.raises(PermissionDenied, match="no right to see bills"):
        await CostsGroup([Bill("a", denied), Bill("b", denied)], clock).daily(2)


async def test_failures_inside_a_member_are_named(clock: ManualClock) -> None:
    inner = Failure("a/2", BackendUnavailable("away"))
    part = PartialList(days(1, 2), [inner])
    total = await CostsGroup([Bill("a", part), Bill("b", days(1, 1))], clock).daily(2)
    assert total == days(2, 3)
    assert failures_of(total) == (inner,)


def test_partial_results_equal_plain_collections() -> None:
    failure = Failure("b", BackendUnavailable("away"))
    found = PartialMap({"i-1": 1}, [failure])
    assert found == {"i-1": 1}
    assert failures_of(found) == (failure,)
    assert failures_of(PartialList([1, 2], [failure])) == (failure,)
    assert PartialList([1, 2], [failure]) == (1, 2)
    assert failures_of({"i-1": 1}) == failures_of((1, 2)) == ()

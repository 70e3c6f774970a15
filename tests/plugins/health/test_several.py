"""Health over several backends: one that fails is named, and its instances are not healthy."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from smartops import BackendUnavailable, Fields, PermissionDenied, Severity
from smartops.backends import DayCost, Failure, PartialList

pytestmark = pytest.mark.anyio
GONE = BackendUnavailable("b is away")


def nonzero(reply):
    return {name: count for name, count in reply.data["summary"].items() if count}


def texts(reply):
    return [block.text for block in reply.view if hasattr(block, "text")]


def trend_rows(reply):
    (fields,) = (block for block in reply.view if isinstance(block, Fields))
    return dict(fields.pairs)


def two(load, **settings):
    plugin = load(**settings)
    plugin.add("i-1", "web-1", backend="a")
    plugin.add("i-2", "web-2", backend="b")
    return plugin


async def test_a_backend_that_fails_to_list_is_named(load):
    plugin = load()
    plugin.add("i-1", "web-1", backend="a")
    plugin.away["b"] = GONE
    reply = await plugin.check()
    assert reply.data["failures"] == [
        {"backend": "b", "code": "BACKEND_UNAVAILABLE", "message": "b is away"}
    ]
    assert "Without b: b is away" in texts(reply)
    assert reply.data["overall_health"] == "warning"
    assert reply.view[0].severity is Severity.WARNING
    assert reply.data["summary"]["healthy"] == 1


async def test_no_failures_are_reported_if_all_backends_answer(load):
    reply = await two(load).check()
    assert "failures" not in reply.data
    assert reply.data["overall_health"] == "healthy"


async def test_instances_of_a_failed_backend_are_unmeasured_and_not_healthy(load):
    plugin = two(load)
    plugin.gauges.away["b"] = PermissionDenied("no right to read metrics")
    reply = await plugin.check()
    assert nonzero(reply) == {"healthy": 1, "not_measured": 1}
    assert reply.data["issues"] == []
    assert reply.data["overall_health"] == "warning"
    assert [item["backend"] for item in reply.data["failures"]] == ["b"]
    assert "2 instances: 1 healthy, 0 warning, 0 critical, 1 not measured." in texts(reply)


async def test_a_backend_that_fails_twice_is_named_once(load):
    plugin = two(load)
    plugin.away["b"] = GONE
    plugin.gauges.away["b"] = PermissionDenied("no right to read metrics")
    reply = await plugin.check()
    assert [item["message"] for item in reply.data["failures"]] == ["b is away"]


async def test_a_failed_backend_does_not_hide_critical_issues(load):
    plugin = two(load)
    plugin.add("i-3", "hot", cpu=99, backend="a")
    plugin.gauges.away["b"] = GONE
    assert (await plugin.check()).data["overall_health"] == "critical"


async def test_a_backend_that_failed_is_not_asked_again(load):
    plugin = load()
    for number in range(3000):
        plugin.add(f"i-{number}", backend="ab"[number % 2])
    plugin.gauges.away["b"] = GONE
    reply = await plugin.check()
    assert plugin.gauges.latest_asked == [150] * 11  # each batch is of one backend
    assert reply.data["summary"]["not_measured"] == 1500
    assert reply.data["summary"]["healthy"] == 1500


async def test_there_is_no_cost_trend_without_a_costs_backend(load):
    plugin = two(load)
    plugin.ledger = None
    reply = await plugin.check()
    assert reply.data["trends"]["cost_trend"] == "+0%"
    assert reply.data["trends"]["unknown"] == ["memory_trend", "disk_trend", "cost_trend"]
    assert not any("Cost" in name for name in trend_rows(reply))
    assert not any("cost" in text for text in texts(reply))


def bill(*amounts, currency="USD"):
    first = date(2026, 11, 1)
    return [
        DayCost(first + timedelta(days=index), amount, currency)
        for index, amount in enumerate(amounts)
    ]


async def test_a_partial_bill_is_noted(load):
    plugin = two(load)

    async def daily(days):
        return PartialList(bill(*[10.0] * 7, *[11.0] * 7), [Failure("b", GONE)])

    plugin.ledger.daily = daily
    reply = await plugin.check()
    assert reply.data["trends"]["cost_trend"] == "+10%"
    assert "The cost trend is without b: b is away" in texts(reply)


async def test_costs_in_different_currencies_are_not_added(load):
    plugin = two(load)

    async def daily(days):
        dollars = bill(*[10.0] * 14)
        return tuple(dollars) + tuple(replace(day, currency="EUR") for day in dollars)

    plugin.ledger.daily = daily
    reply = await plugin.check()
    assert "cost_trend" in reply.data["trends"]["unknown"]
    assert any("EUR and USD do not add up" in text for text in texts(reply))


async def test_the_check_fails_if_all_backends_fail(load):
    plugin = two(load)
    plugin.gauges.away["b"] = GONE
    plugin.gauges.away["a"] = PermissionDenied("no right")
    with pytest.raises(BackendUnavailable, match="No backend answers") as refused:
        await plugin.check()
    assert refused.value.details == "a: no right; b: b is away"
    plugin.gauges.away["b"] = PermissionDenied("no right", details="Required: read")
    with pytest.raises(PermissionDenied, match="No backend answers") as refused:
        await plugin.check()
    assert refused.value.details == "a: no right; b: no right (Required: read)"
    only = load()
    machine = only.add("i-1", "web-1", backend="a")
    only.gauges.away["a"] = PermissionDenied("no right")
    with pytest.raises(PermissionDenied, match="no right"):
        await only.check(machine)

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from smartops import BackendUnavailable, Fields, Issues, RateLimited, Severity

pytestmark = pytest.mark.anyio
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def nonzero(reply):
    return {name: count for name, count in reply.data["summary"].items() if count}


def ago(**length: float) -> datetime:
    return NOON - timedelta(**length)


async def test_the_report_follows_the_wire_contract(load):
    plugin = load()
    plugin.add("i-1", "web-1")
    hot = plugin.add("i-2", "web-2", cpu=[20.0] * 18 + [95.0] * 6)
    reply = await plugin.check()
    assert reply.data["overall_health"] == "critical"
    assert reply.data["summary"] == {
        "healthy": 1,
        "warning": 0,
        "critical": 1,
        "not_running": 0,
        "not_measured": 0,
    }
    assert reply.data["issues"] == [
        {
            "instanceId": hot.id,
            "name": "web-2",
            "severity": "critical",
            "issue": "High CPU usage",
            "details": "CPU at 95% for 30 minutes",
            "recommendation": "Look for the busy process, or give the work to more or larger "
            "machines.",
        }
    ]
    trends = reply.data["trends"]
    for key in ("cpu_trend", "cost_trend", "instance_count_change"):
        assert isinstance(trends[key], str)
    (issues,) = (block for block in reply.view if isinstance(block, Issues))
    assert [issue.target for issue in issues.items] == ["web-2"]
    assert reply.view[0].text == "Health of all instances: critical"
    assert reply.view[0].severity is Severity.CRITICAL
    assert reply.view[1].text == "2 instances: 1 healthy, 0 warning, 1 critical."


async def test_a_report_of_healthy_instances(load):
    plugin = load()
    plugin.add("i-1", cpu=79.9, memory=50, disk=79.9)
    plugin.add("i-2", state="stopped")
    reply = await plugin.check()
    assert reply.data["overall_health"] == "healthy"
    assert reply.data["issues"] == []
    assert nonzero(reply) == {"healthy": 1, "not_running": 1}
    assert reply.view[0].severity is Severity.GOOD


async def test_an_empty_fleet_is_healthy(load):
    reply = await load().check()
    assert reply.data["overall_health"] == "healthy"
    assert reply.data["trends"]["cpu_trend"] == "+0%"
    assert "cpu_trend" in reply.data["trends"]["unknown"]


@pytest.mark.parametrize(
    ("cpu", "details"),
    [
        ([96.0] * 24, "CPU at 96% for 60 minutes or longer"),
        ([20.0] * 21 + [96.0, 98.0, 100.0], "CPU at 98% for 15 minutes"),
        ([20.0] * 12 + [85.0] * 9 + [97.0] * 3, "CPU at 97% for 15 minutes"),
        ([20.0] * 12 + [85.0] * 10 + [97.0] * 2, "CPU at 87% for 60 minutes or longer"),
        ([20.0] * 18 + [85.0] * 6, "CPU at 85% for 30 minutes"),
        ([20.0] * 22 + [99.0] * 2, None),
        ([99.0] * 23 + [79.0], None),
        ([99.0] * 20 + [None] + [99.0] * 3, "CPU at 99% for 15 minutes"),
        ([99.0] * 21 + [None] + [99.0] * 2, None),
        ([96.0] * 4, "CPU at 96% for 20 minutes"),
    ],
)
async def test_a_high_value_counts_for_its_uninterrupted_duration(load, cpu, details):
    plugin = load()
    plugin.add("i-1", cpu=cpu)
    reply = await plugin.check()
    assert [issue["details"] for issue in reply.data["issues"]] == ([details] if details else [])


@pytest.mark.parametrize(
    ("cpu", "severity"),
    [([95.0] * 24, "critical"), ([94.9] * 24, "warning"), ([80.0] * 24, "warning")],
)
async def test_thresholds_are_inclusive(load, cpu, severity):
    plugin = load()
    plugin.add("i-1", cpu=cpu)
    assert (await plugin.check()).data["overall_health"] == severity


async def test_each_metric_has_its_own_thresholds(load):
    plugin = load(
        memory={"warning": 50, "critical": 60, "sustained": "0s"},
        disk={"warning": 10, "critical": 99, "sustained": "30m"},
    )
    plugin.add("i-1", memory=[20.0] * 23 + [60.0], disk=[20.0] * 24)
    found = {issue["issue"]: issue for issue in (await plugin.check()).data["issues"]}
    assert found["High memory usage"]["details"] == "Memory at 60%"
    assert found["High memory usage"]["severity"] == "critical"
    assert found["Disk nearly full"]["details"] == "Disk at 20% for 60 minutes or longer"


async def test_history_is_fetched_only_for_suspects(load):
    plugin = load(trend_sample=1)
    for number in range(20):
        plugin.add(f"i-{number:02}", cpu=96 if number in (3, 7) else 10)
    await plugin.check()
    assert ("cpu", 2) in plugin.gauges.series_asked
    assert sum(count for metric, count in plugin.gauges.series_asked if metric == "cpu") == 3


async def test_one_low_sample_does_not_hide_a_high_average(load):
    plugin = load()
    plugin.add("i-1", cpu=90)
    plugin.gauges.history["cpu", "i-1"] = [90.0] * 23 + [81.0]
    latest = plugin.gauges._usage

    def dipping(id: str):
        usage = latest(id)
        return type(usage)(cpu=76.0, at=usage.at)

    plugin.gauges._usage = dipping
    assert (await plugin.check()).data["overall_health"] == "warning"


async def test_requests_are_batched(load):
    plugin = load()
    for number in range(400):
        plugin.add(f"i-{number}", cpu=96)
    reply = await plugin.check()
    assert plugin.gauges.latest_asked == [150, 150, 100]
    assert max(count for _, count in plugin.gauges.series_asked) <= 150
    assert len(reply.data["issues"]) == 400


async def test_suspects_beyond_max_series_are_judged_by_their_latest_value(load):
    plugin = load(max_series=1)
    plugin.add("i-1", "hotter", cpu=99)
    plugin.add("i-2", "hot", cpu=96)
    details = {issue["name"]: issue["details"] for issue in (await plugin.check()).data["issues"]}
    assert details == {
        "hotter": "CPU at 99% for 60 minutes or longer",
        "hot": "CPU at 96%; since when was not looked up",
    }


async def test_issues_are_worst_first_and_others_are_counted(load):
    plugin = load(max_issues=2)
    plugin.add("i-1", "warm", cpu=81)
    plugin.add("i-2", "hot", cpu=96)
    plugin.add("i-3", "full", disk=91)
    plugin.add("i-4", "warmer", cpu=85)
    reply = await plugin.check()
    assert [issue["name"] for issue in reply.data["issues"]] == ["hot", "full", "warmer", "warm"]
    (issues,) = (block for block in reply.view if isinstance(block, Issues))
    assert [issue.target for issue in issues.items] == ["hot", "full"]
    assert "2 more issues not shown." in [getattr(block, "text", "") for block in reply.view]
    assert reply.data["issues_total"] == 4


async def test_an_instance_with_two_issues_counts_once_with_the_worse_severity(load):
    plugin = load()
    plugin.add("i-1", cpu=85, disk=95)
    reply = await plugin.check()
    assert reply.data["summary"]["critical"] == 1
    assert reply.data["summary"]["warning"] == 0
    assert [issue["severity"] for issue in reply.data["issues"]] == ["critical", "warning"]


@pytest.mark.parametrize(
    ("at", "launched", "issue"),
    [
        (ago(hours=3), None, "Last measured 3 hours ago."),
        (ago(minutes=15), None, None),
        (None, ago(days=3), "Nothing is measured."),
        (None, ago(minutes=5), None),
    ],
)
async def test_old_or_missing_measurements_are_an_issue(load, at, launched, issue):
    plugin = load()
    plugin.add("i-1", cpu=99 if at and issue else 20, launched=launched)
    if at is None:
        plugin.gauges.history.clear()
    else:
        plugin.gauges.measured_at["i-1"] = at
    reply = await plugin.check()
    assert [found["details"] for found in reply.data["issues"]] == ([issue] if issue else [])


@pytest.mark.parametrize(
    ("state", "launched", "issues"),
    [
        ("pending", ago(minutes=5), []),
        ("pending", ago(minutes=40), ["It has been pending for 40 minutes."]),
        ("pending", None, []),
        ("stopped", None, []),
        ("terminated", None, []),
    ],
)
async def test_instances_are_judged_by_their_state(load, state, launched, issues):
    plugin = load()
    plugin.add("i-1", state=state, launched=launched)
    reply = await plugin.check()
    assert [found["details"] for found in reply.data["issues"]] == issues


async def test_a_stopped_instance_that_must_run_is_critical(load):
    plugin = load(must_run={"Environment": ["production"]})
    plugin.add("i-1", "prod", state="stopped", tags={"Environment": "production"})
    plugin.add("i-2", "dev", state="stopped", tags={"Environment": "dev"})
    plugin.add("i-3", "gone", state="terminated", tags={"Environment": "production"})
    reply = await plugin.check()
    (issue,) = reply.data["issues"]
    assert (issue["name"], issue["severity"]) == ("prod", "critical")
    assert "Environment=production" in issue["details"]
    assert nonzero(reply) == {"critical": 1, "not_running": 2}


@pytest.mark.parametrize("state", ["stopped", "stopping", "shutting-down"])
async def test_a_stopped_instance_that_was_named_is_a_warning(load, state):
    plugin = load()
    named = plugin.add("i-1", "web", state=state)
    reply = await plugin.check(named)
    assert reply.data["overall_health"] == "warning"
    assert reply.data["issues"][0]["details"] == f"It is {state}."
    assert reply.view[0].text == "Health of web: warning"


async def test_only_named_instances_are_checked(load):
    plugin = load()
    plugin.add("i-1", cpu=99)
    named = plugin.add("i-2", "web")
    reply = await plugin.check(named)
    assert reply.data["overall_health"] == "healthy"
    assert reply.data["summary"]["healthy"] == 1
    assert plugin.gauges.latest_asked == [1]


@pytest.mark.parametrize("fault", [BackendUnavailable("away"), RateLimited("slow", retry_after=3)])
async def test_the_check_fails_without_measurements(load, fault):
    plugin = load()
    for number in range(1500):
        plugin.add(f"i-{number}")
    plugin.gauges.latest_fault = fault
    with pytest.raises(type(fault)) as caught:
        await plugin.check()
    assert caught.value is fault
    assert len(plugin.gauges.latest_asked) <= 4


async def test_trends_whose_backend_fails_are_unknown(load):
    plugin = load()
    plugin.add("i-1")
    plugin.ledger.fault = BackendUnavailable("no ledger")
    plugin.gauges.series_fault = BackendUnavailable("no history")
    reply = await plugin.check()
    trends = reply.data["trends"]
    assert (trends["cpu_trend"], trends["cost_trend"]) == ("+0%", "+0%")
    assert set(trends["unknown"]) == {"cpu_trend", "memory_trend", "disk_trend", "cost_trend"}
    (fields,) = (block for block in reply.view if isinstance(block, Fields))
    assert [text for _, text in fields.pairs] == ["unknown"] * 4 + ["none"]
    notes = " ".join(getattr(block, "text", "") for block in reply.view)
    assert "no ledger" in notes
    assert "no history" in notes

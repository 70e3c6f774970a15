"""The health check through the whole gate, with the fake cloud."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

import smartops_fake
import smartops_health
import smartops_instances
from smartops.testing import Bot

pytestmark = pytest.mark.anyio


async def test_an_incident_is_found_with_its_duration(bot: Bot):
    bot.load(
        smartops_fake,
        fleet=[
            {"id": "i-0def456ghi", "name": "web-server-01", "cpu": 20},
            {"name": "web-server-02", "cpu": 20},
            {"name": "spare", "state": "stopped"},
        ],
        incidents=[{"instance": "web-server-01", "metric": "cpu", "value": 98, "since": "30m"}],
    )
    bot.load(smartops_health)
    report = (await bot.say("check health")).data
    assert report["overall_health"] == "critical"
    assert report["summary"] == {
        "healthy": 1,
        "warning": 0,
        "critical": 1,
        "not_running": 1,
        "not_measured": 0,
    }
    (issue,) = report["issues"]
    assert issue["instanceId"] == "i-0def456ghi"
    assert issue["details"].startswith("CPU at 9")
    assert issue["details"].endswith("for 30 minutes")
    assert int(report["trends"]["cpu_trend"].rstrip("%")) > 20
    one = (await bot.say("check health web-server-02")).data
    assert (one["overall_health"], one["issues"]) == ("healthy", [])
    assert (await bot.say("health i-0def456ghi")).data["overall_health"] == "critical"


async def test_a_check_of_named_targets_does_not_ask_for_the_whole_bill(bot: Bot):
    faults = [{"operation": "daily", "code": "BACKEND_UNAVAILABLE", "message": "no bill"}]
    bot.load(smartops_fake, fleet=[{"name": "web"}], faults=faults)
    bot.load(smartops_health)
    assert "no bill" in (await bot.say("check health")).text
    one = await bot.say("check health web")
    assert "no bill" not in one.text
    assert "Cost" not in one.text


ILL = {
    "fleet": [
        {"name": "web", "failed_checks": ["system status check"]},
        {"name": "old", "events": ["instance-retirement: The hardware degrades"]},
        {"name": "off", "state": "stopped", "state_reason": "Server.InternalError: no disk"},
    ]
}


async def test_status_checks_events_and_state_reasons_are_issues(bot: Bot):
    bot.load(smartops_fake, **ILL)
    bot.load(smartops_health)
    bot.load(smartops_instances)
    report = (await bot.say("check health")).data
    assert [(item["name"], item["issue"], item["details"]) for item in report["issues"]] == [
        ("web", "Status check failed", "The system status check fails."),
        (
            "old",
            "Scheduled event",
            "instance-retirement: The hardware degrades, on 2027-01-18 08:00 UTC.",
        ),
    ]
    assert report["overall_health"] == "critical"
    off = await bot.say("check health off")
    assert off.data["issues"][0]["details"] == "It is stopped (Server.InternalError: no disk)."
    shown = await bot.say("show web")
    assert shown.data["failedChecks"] == [{"text": "system status check", "at": None}]
    assert "Failed:    system status check" in shown.text
    assert (await bot.say("show off")).data["stateReason"] == "Server.InternalError: no disk"
    assert (await bot.say("show old")).data["scheduledEvents"][0]["at"] == "2027-01-18T08:00:00Z"


async def test_without_status_checks_the_rest_is_reported(bot: Bot):
    faults = [{"operation": "conditions", "code": "PERMISSION_DENIED", "message": "not allowed"}]
    bot.load(smartops_fake, **ILL, faults=faults)
    bot.load(smartops_health)
    bot.load(smartops_instances)
    report = await bot.say("check health")
    assert report.data["notes"] == ["Status checks are unknown: not allowed"]
    assert "not allowed" in (await bot.say("show web")).data["note"]


async def test_a_new_instance_without_measurements_is_no_issue(bot: Bot):
    bot.load(smartops_fake, fleet=[{"name": "batch", "state": "stopped", "age": "212d"}])
    bot.load(smartops_instances, follow="0s")
    bot.load(smartops_health)
    asked = await bot.say("start batch")
    await bot.press(asked.action("confirm"))
    bot.clock.advance(3)
    report = (await bot.say("check health batch")).data
    assert (report["overall_health"], report["issues"]) == ("healthy", [])
    (shown,) = (await bot.say("list instances")).data["instances"]
    started = datetime.fromisoformat(shown["launchTime"])
    assert bot.clock.now() - started < timedelta(seconds=10)


async def test_a_check_of_many_instances_reports_its_progress(bot: Bot):
    bot.load(smartops_fake, fleet=[{"name": f"web-{number:03}"} for number in range(320)])
    bot.load(smartops_health)
    await bot.say("check health web-001")
    assert bot.progress == []
    await bot.say("check health")
    measured = [text for text in bot.progress if text.startswith("Measured")]
    assert len(measured) == 3
    assert measured[-1] == "Measured (320 of 320)"
    assert "Read the history of the cpu (200 of 200)" in bot.progress

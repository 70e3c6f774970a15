from __future__ import annotations

from datetime import UTC, datetime

import pytest

from machines import machine
from smartops import BackendUnavailable, Fields, Severity, Table
from smartops.backends import Usage

pytestmark = pytest.mark.anyio
AT = datetime(2026, 11, 24, 11, 55, tzinfo=UTC)


async def test_show_shows_all_details(load, gauges):
    instance = machine(
        "i-1",
        "web",
        public_ip="54.1.2.3",
        launched=datetime(2026, 11, 20, 8, 0, tzinfo=UTC),
        tags={"Name": "web", "Env": "prod"},
    )
    plugin = load(instance, gauges=gauges(i_1=Usage(45.2, 62.1, None, AT)))
    reply = await plugin.commands["show"](plugin.cloud, plugin.gauges, instance)
    title, fields, tags = reply.view
    assert (title.text, title.severity) == ("web is running", Severity.GOOD)
    assert isinstance(fields, Fields)
    shown = dict(fields.pairs)
    assert shown["IP"] == "10.0.1.45 / 54.1.2.3"
    assert shown["Launched"] == "2026-11-20 08:00 UTC, 4 d ago"
    assert (shown["CPU %"], shown["DISK %"]) == ("45.2", "–")  # noqa: RUF001
    assert shown["Measured"] == "2026-11-24 11:55 UTC, 5 min ago"
    assert tags == Table(("Tag", "Value"), (("Env", "prod"), ("Name", "web")))
    assert reply.data["instanceId"] == "i-1"
    assert reply.data["launchTime"] == "2026-11-20T08:00:00Z"


async def test_show_of_an_instance_without_name_and_usage(load, gauges):
    broken = gauges()
    broken.fault = BackendUnavailable("metrics are away")
    instance = machine("i-1", state="pending", private_ip="")
    plugin = load(instance, gauges=broken)
    reply = await plugin.commands["show"](plugin.cloud, plugin.gauges, instance)
    assert reply.view[0].text == "i-1 is pending"
    assert "IP" not in dict(reply.view[1].pairs)
    assert "metrics are away" in reply.view[-1].text
    assert reply.data["metrics"]["cpuUtilization"] is None

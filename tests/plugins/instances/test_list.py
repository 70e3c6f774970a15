from __future__ import annotations

from datetime import UTC, datetime

import anyio
import pytest

from machines import machine
from smartops import (
    Cell,
    Severity,
    Table,
    ValidationFailed,
)
from smartops.backends import Usage

pytestmark = pytest.mark.anyio
FRESH = datetime(2026, 11, 24, 11, 55, tzinfo=UTC)
STALE = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


async def listed(plugin, **options):
    return await plugin.commands["list instances"](
        plugin.call(**options), plugin.cloud, plugin.gauges, **options
    )


def the_table(reply) -> Table:
    (table,) = (block for block in reply.view if isinstance(block, Table))
    return table


async def test_an_instance_has_every_key_of_the_wire_contract(load, gauges):
    instance = machine(
        "i-1", "web-server-01", public_ip="54.1.2.3", tags={"Name": "web-server-01", "Tier": "1"}
    )
    measured = gauges(i_1=Usage(45.24, 62.1, 38.67, FRESH))
    reply = await listed(load(instance, gauges=measured))
    (data,) = reply.data["instances"]
    assert {key: data[key] for key in data if key not in ("metrics", "launchTime")} == {
        "instanceId": "i-1",
        "name": "web-server-01",
        "type": "t3.medium",
        "state": "running",
        "platform": "linux",
        "privateIp": "10.0.1.45",
        "publicIp": "54.1.2.3",
        "tags": {"Name": "web-server-01", "Tier": "1"},
        "backend": "fake",
    }
    assert data["metrics"]["cpuUtilization"] == 45.2
    assert data["metrics"]["memoryUtilization"] == 62.1
    assert data["metrics"]["diskUtilization"] == 38.7


async def test_totals_count_all_matches_and_include_running_and_stopped(load):
    plugin = load(machine("i-1"), machine("i-2"), machine("i-3", state="pending"), page_size=1)
    reply = await listed(plugin)
    assert reply.data["summary"] == {"total": 3, "running": 2, "stopped": 0, "pending": 1}
    assert "3 instances: 2 running, 1 pending. Page 1 of 3." in reply.view[-1].text
    second = await listed(plugin, page=reply.data["next"])
    assert second.view[-1].text.endswith(" Page 2 of 3.")


async def test_the_table_shows_severities_and_a_dash_for_missing_usage(load, gauges):
    plugin = load(
        machine("i-1", "web", public_ip="54.1.2.3"),
        machine("i-2", "db", state="stopped"),
        machine("i-3", "cache", state="stopping"),
        gauges=gauges(i_1=Usage(cpu=5.0, at=FRESH)),
    )
    table = the_table(await listed(plugin))
    rows = {row[0]: row for row in table.rows}
    assert rows["web"][5:] == ("10.0.1.45 / 54.1.2.3", "5.0", "–", "–")  # noqa: RUF001
    assert rows["web"][2] == Cell("running", Severity.GOOD)
    assert rows["db"][2] == Cell("stopped", Severity.INFO)
    assert rows["cache"][2] == Cell("stopping", Severity.WARNING)
    assert table.columns[-1] == "DISK %"
    assert all(len(row) == len(table.columns) for row in table.rows)


async def test_the_age_of_stale_measurements_is_shown(load, gauges):
    plugin = load(
        machine("i-1", "old"),
        machine("i-2", "young"),
        gauges=gauges(i_1=Usage(1.0, at=STALE), i_2=Usage(1.0, at=FRESH)),
    )
    table = the_table(await listed(plugin))
    assert table.columns[-1] == "Measured"
    assert [(row[0], row[-1]) for row in table.rows] == [("old", "2 h ago"), ("young", "")]


async def test_usage_is_fetched_for_running_instances_of_the_page(load):
    plugin = load(
        machine("i-1", "a"), machine("i-2", "b", state="stopped"), machine("i-3", "c"), page_size=2
    )
    await listed(plugin)
    assert plugin.gauges.asked == [("i-1",)]


async def test_usage_is_not_fetched_without_running_instances(load):
    plugin = load(machine("i-1", state="stopped"))
    await listed(plugin)
    assert plugin.gauges.asked == []


async def test_the_list_is_shown_without_usage_if_metrics_time_out(load, gauges):
    class Silent(gauges):
        async def latest(self, instances):
            plugin.clock.advance(3)
            await anyio.sleep_forever()

    plugin = load(machine("i-1"), gauges=Silent(), usage_timeout="3s")
    assert "none came within 3 seconds" in (await listed(plugin)).data["note"]


async def test_filters_are_combined_in_one_query(load):
    plugin = load(machine("i-1"))
    await listed(
        plugin,
        state=("running", "stopped"),
        tag=("Env=prod", "Env=dev", "Team", "Team=ops", "Note=a=b"),
        name=("web-*",),
        platform="windows",
        type=("t3.small",),
        page="i-1",
    )
    (query,) = plugin.cloud.queries
    assert query.states == ("running", "stopped")
    assert query.tags == {"Env": ("prod", "dev"), "Team": (), "Note": ("a=b",)}
    assert (query.names, query.platforms, query.types) == (("web-*",), ("windows",), ("t3.small",))
    assert (query.limit, query.cursor) == (25, "i-1")


@pytest.mark.parametrize("tag", ["=prod", " =x"])
async def test_a_filter_without_a_key_is_refused(load, tag):
    with pytest.raises(ValidationFailed, match="names no tag"):
        await listed(load(), tag=(tag,))


async def test_pages_contain_every_instance_once(load):
    plugin = load(*(machine(f"i-{number}", f"web-{number}") for number in range(7)), page_size=3)
    seen, page = [], ""
    while True:
        reply = await listed(plugin, page=page)
        seen += [item["instanceId"] for item in reply.data["instances"]]
        page = reply.data["next"]
        if page is None:
            break
    assert seen == [f"i-{number}" for number in range(7)]
    assert reply.actions == ()


async def test_no_matches_and_no_instances_have_different_texts(load):
    assert (await listed(load())).view[0].text == "There are no instances."
    reply = await listed(load(machine("i-1")), state=("stopped",))
    assert reply.view[0].text == "No instance matches."
    assert reply.data == {
        "instances": [],
        "summary": {"total": 0, "running": 0, "stopped": 0},
        "next": None,
    }


async def test_an_unknown_backend_is_refused(load):
    plugin = load(machine("i-1", "web"))
    reply = await listed(plugin, backend=["fak*"])
    assert "Backend" not in the_table(reply).columns
    assert reply.data["summary"]["total"] == 1
    with pytest.raises(ValidationFailed, match="No backend is called prod or test") as refused:
        await listed(plugin, backend=["prod", "test"])
    assert refused.value.details == "There are: fake"
    assert "failures" not in reply.data

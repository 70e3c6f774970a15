"""``list instances`` and ``show`` through the whole gate."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import smartops_fake
import smartops_instances
from smartops import Cell, Fields, Severity, Table
from smartops.backends import Usage

pytestmark = pytest.mark.anyio
FRESH = datetime(2027, 1, 15, 7, 55, tzinfo=UTC)  # the clock shows eight o'clock
STALE = datetime(2027, 1, 15, 5, 30, tzinfo=UTC)
WEB = {
    "id": "i-1",
    "name": "web",
    "private_ip": "10.0.1.45",
    "public_ip": "54.1.2.3",
    "age": "4d",
    "tags": {"Tier": "1"},
}


def block(answer, kind):
    (found,) = (item for item in answer.reply.view if isinstance(item, kind))
    return found


async def test_an_instance_has_every_key_of_the_wire_contract(load, gauges):
    bot = load(WEB, gauges=gauges({"web": Usage(45.24, 62.1, 38.67, FRESH)}))
    (data,) = (await bot.say("list instances")).data["instances"]
    assert data == {
        "instanceId": "i-1",
        "name": "web",
        "type": "t3.medium",
        "state": "running",
        "platform": "linux",
        "privateIp": "10.0.1.45",
        "publicIp": "54.1.2.3",
        "tags": {"Name": "web", "Tier": "1"},
        "launchTime": "2027-01-11T08:00:00Z",
        "backend": "fake",
        "metrics": {
            "cpuUtilization": 45.2,
            "memoryUtilization": 62.1,
            "diskUtilization": 38.7,
            "measuredAt": "2027-01-15T07:55:00Z",
        },
    }


async def test_the_table_shows_severities_and_a_dash_for_missing_usage(load, gauges):
    measured = gauges({"web": Usage(cpu=5.0, at=FRESH)})
    bot = load(WEB, {"name": "db", "state": "stopped"}, {"name": "cache"}, gauges=measured)
    await bot.confirm("stop cache")
    table = block(await bot.say("list instances"), Table)
    rows = {row[0]: row for row in table.rows}
    assert rows["web"][5:] == ("10.0.1.45 / 54.1.2.3", "5.0", "–", "–")  # noqa: RUF001
    assert rows["web"][2] == Cell("running", Severity.GOOD)
    assert rows["db"][2] == Cell("stopped", Severity.INFO)
    assert rows["cache"][2] == Cell("stopping", Severity.WARNING)
    assert table.columns[-1] == "DISK %"
    assert all(len(row) == len(table.columns) for row in table.rows)


async def test_the_age_of_stale_measurements_is_shown(load, gauges):
    usage = {"old": Usage(1.0, at=STALE), "young": Usage(1.0, at=FRESH)}
    bot = load({"name": "old"}, {"name": "young"}, gauges=gauges(usage))
    table = block(await bot.say("list instances"), Table)
    assert table.columns[-1] == "Measured"
    assert [(row[0], row[-1]) for row in table.rows] == [("old", "2 h ago"), ("young", "")]


async def test_usage_is_fetched_for_running_instances_of_the_page(load, gauges):
    measured = gauges({})
    fleet = [{"name": "a"}, {"name": "b", "state": "stopped"}, {"name": "c"}]
    bot = load(*fleet, gauges=measured, page_size=2)
    await bot.say("list instances")
    await bot.say("list instances --state stopped")
    assert measured.asked == [["a"]]


@pytest.mark.parametrize(
    ("fault", "note"),
    [
        ({"code": "TIMEOUT"}, "none came within 3 seconds"),
        ({"code": "BACKEND_UNAVAILABLE", "message": "no metrics"}, "no metrics"),
    ],
)
async def test_instances_are_shown_without_usage_if_metrics_fail(bot, fault, note):
    bot.load(smartops_fake, fleet=[WEB], faults=[{"operation": "latest", **fault}])
    bot.load(smartops_instances, usage_timeout="3s")
    await bot.app()
    async with bot.clock.running():
        listed, shown = await bot.say("list instances"), await bot.say("show web")
    assert note in listed.data["note"]
    assert note in shown.data["note"]
    assert listed.data["instances"][0]["metrics"]["cpuUtilization"] is None


async def test_filters_are_combined_and_their_values_are_alternatives(load):
    machines = [("a", "prod"), ("b", "dev"), ("c", "test"), ("web-1", "prod")]
    fleet = [{"name": name, "tags": {"Env": env, "Note": "a=b"}} for name, env in machines]
    bot = load(*fleet, {"name": "d", "platform": "windows", "tags": {"Env": "dev"}})
    for filters, names in {
        "--tag Env=prod,Env=dev": ["a", "b", "d", "web-1"],
        "--tag Env=prod,Env=dev,Note": ["a", "b", "web-1"],
        "--tag Note=a=b --name b,c": ["b", "c"],
        "--tag Env=dev --platform windows": ["d"],
        "--state stopped,running --type t3.* --name web-*": ["web-1"],
    }.items():
        listed = await bot.say(f"list instances {filters}")
        assert [item["name"] for item in listed.data["instances"]] == names, filters


@pytest.mark.parametrize("tag", ["=prod", "' =x'"])
async def test_a_filter_without_a_key_is_refused(load, tag):
    answer = await load().say(f"list instances --tag {tag}")
    assert "names no tag" in answer.text


async def test_pages_contain_every_instance_once(load):
    bot = load(*({"name": f"web-{number}"} for number in range(7)), page_size=3)
    answer = await bot.say("list instances")
    assert "7 instances: 7 running. Page 1 of 3." in answer.text
    seen = [item["name"] for item in answer.data["instances"]]
    while answer.data["next"]:
        answer = await bot.press(answer.action("command"))
        seen += [item["name"] for item in answer.data["instances"]]
    assert seen == [f"web-{number}" for number in range(7)]
    assert answer.reply.actions == ()
    assert answer.text.endswith(" Page 3 of 3.")


async def test_no_matches_and_no_instances_have_different_texts(load):
    bot = load()
    assert (await bot.say("list instances")).text == "There are no instances."
    answer = await bot.say("list instances --state stopped")
    assert answer.text == "No instance matches."
    assert answer.data == {
        "instances": [],
        "summary": {"total": 0, "running": 0, "stopped": 0},
        "next": None,
    }


async def test_an_unknown_backend_is_refused(load):
    bot = load(WEB)
    answer = await bot.say("list instances --backend fak*")
    assert "Backend" not in block(answer, Table).columns
    assert answer.data["summary"]["total"] == 1
    refused = await bot.say("list instances --backend prod,test")
    assert "No backend is called prod or test" in refused.text
    assert "There are: fake" in refused.text


async def test_show_shows_all_details(load, gauges):
    answer = await load(WEB, gauges=gauges({"web": Usage(45.2, 62.1, None, FRESH)})).say("show web")
    title = answer.reply.view[0]
    assert (title.text, title.severity) == ("web is running", Severity.GOOD)
    shown = dict(block(answer, Fields).pairs)
    assert shown["IP"] == "10.0.1.45 / 54.1.2.3"
    assert shown["Launched"] == "2027-01-11 08:00 UTC, 4 d ago"
    assert (shown["CPU %"], shown["DISK %"]) == ("45.2", "–")  # noqa: RUF001
    assert shown["Measured"] == "2027-01-15 07:55 UTC, 5 min ago"
    assert block(answer, Table) == Table(("Tag", "Value"), (("Name", "web"), ("Tier", "1")))
    assert answer.data["launchTime"] == "2027-01-11T08:00:00Z"


async def test_instances_are_shown_without_a_metrics_backend(load):
    bot = load({"name": "web"}, {"name": "db", "state": "stopped"})
    listed, shown = await bot.say("list instances"), await bot.say("show web")
    assert listed.data["instances"][0]["metrics"]["cpuUtilization"] is None
    assert "CPU" not in listed.text + shown.text
    assert (await bot.confirm("stop web")).status == "success"


FLEET = (
    {"id": "i-0abc123def", "name": "web-server-01", "tags": {"Role": "web"}},
    {"name": "web-server-02", "tags": {"Role": "web"}},
    {"name": "db-01", "state": "stopped"},
    {"name": "vault"},
    {"name": "a*b"},
    {"name": "gone", "state": "terminated"},
)


async def test_the_button_shows_the_next_page_of_the_same_filters(load):
    bot = load(*FLEET, page_size=1)
    text = """list instances --state running,stopped --name db-*,web-*,"it's --page" """
    reply = await bot.say(text)
    assert reply.data["summary"] == {"total": 3, "running": 2, "stopped": 1}
    names = [item["name"] for item in reply.data["instances"]]
    while reply.reply.actions:
        reply = await bot.press(reply.action("command"))
        names += [item["name"] for item in reply.data["instances"]]
    assert names == ["db-01", "web-server-01", "web-server-02"]
    assert reply.data["next"] is None


async def test_terminated_instances_are_listed_only_if_they_are_asked_for(load):
    bot = load(*FLEET)
    assert (await bot.say("list instances")).data["summary"]["total"] == 5
    gone = await bot.say("list instances --state terminated")
    assert [item["name"] for item in gone.data["instances"]] == ["gone"]


@pytest.mark.parametrize(
    ("filters", "total"),
    [("--name WEB-*", 2), ("--type T3.*", 5), ("--tag Role=w*", 2), (r"--name 'a\*b'", 1)],
)
async def test_filters_take_wildcards_and_ignore_the_case_of_names(load, filters, total):
    listed = await load(*FLEET).say(f"list instances {filters}")
    assert listed.data["summary"]["total"] == total


async def test_a_target_is_named_in_any_case_and_never_by_a_wildcard(load):
    bot = load(*FLEET)
    assert (await bot.say("show WEB-SERVER-01")).data["name"] == "web-server-01"
    assert (await bot.say("show 'A*B'")).data["name"] == "a*b"
    assert (await bot.say("show web-*")).code == "INSTANCE_NOT_FOUND"

"""The commands through the whole gate, with the fake cloud."""

from __future__ import annotations

import pytest

import smartops_fake
import smartops_instances
from machines import machine
from smartops.testing import Bot

pytestmark = pytest.mark.anyio


@pytest.fixture
def fleet_bot(bot: Bot) -> Bot:
    bot.load(
        smartops_fake,
        fleet=[
            {"id": "i-0abc123def", "name": "web-server-01", "tags": {"Role": "web"}},
            {"name": "web-server-02", "tags": {"Role": "web"}},
            {"name": "db-01", "state": "stopped"},
            {"name": "vault", "protected": True},
            {"name": "a*b"},
            {"name": "gone", "state": "terminated"},
        ],
    )
    bot.load(smartops_instances, page_size=1, follow="0s")
    return bot


async def test_the_button_shows_the_next_page_of_the_same_filters(fleet_bot):
    text = """list instances --state running,stopped --name db-*,web-*,"it's --page" """
    reply = await fleet_bot.say(text)
    assert reply.data["summary"] == {"total": 3, "running": 2, "stopped": 1}
    names = [item["name"] for item in reply.data["instances"]]
    while reply.reply.actions:
        reply = await fleet_bot.press(reply.action("command"))
        names += [item["name"] for item in reply.data["instances"]]
    assert names == ["db-01", "web-server-01", "web-server-02"]
    assert isinstance(reply.data["instances"][0]["metrics"]["cpuUtilization"], float)
    assert reply.data["next"] is None


async def test_terminated_instances_are_listed_only_if_they_are_asked_for(fleet_bot):
    assert (await fleet_bot.say("list instances")).data["summary"]["total"] == 5
    gone = await fleet_bot.say("list instances --state terminated")
    assert [item["name"] for item in gone.data["instances"]] == ["gone"]


@pytest.mark.parametrize(
    ("filters", "total"),
    [("--name WEB-*", 2), ("--type T3.*", 5), ("--tag Role=w*", 2), (r"--name 'a\*b'", 1)],
)
async def test_filters_take_wildcards_and_ignore_the_case_of_names(fleet_bot, filters, total):
    listed = await fleet_bot.say(f"list instances {filters}")
    assert listed.data["summary"]["total"] == total


async def test_a_target_is_named_in_any_case_and_never_by_a_wildcard(fleet_bot):
    assert (await fleet_bot.say("show WEB-SERVER-01")).data["name"] == "web-server-01"
    assert (await fleet_bot.say("show 'A*B'")).data["name"] == "a*b"
    assert (await fleet_bot.say("show web-*")).code == "INSTANCE_NOT_FOUND"


async def test_removing_tags_that_are_not_set_needs_no_confirmation(fleet_bot):
    reply = await fleet_bot.say("untag web-server-01 Nope")
    assert reply.status == "success"
    assert "Nothing to do: web-server-01 has none of these tags" in reply.text


async def test_stop_and_start(fleet_bot):
    asked = await fleet_bot.say("stop web-server-01")
    assert asked.status == "pending"
    assert (await fleet_bot.say("show web-server-01")).data["state"] == "running"
    done = await fleet_bot.press(asked.action("confirm"))
    assert done.data["instances"][0]["after"] == "stopping"
    fleet_bot.clock.advance(60)
    assert (await fleet_bot.say("show i-0abc123def")).data["state"] == "stopped"
    await fleet_bot.confirm("start web-server-01")
    fleet_bot.clock.advance(60)
    assert (await fleet_bot.say("show web-server-01")).data["state"] == "running"


async def test_restart_is_reboot(fleet_bot):
    asked = await fleet_bot.say("restart web-server-01")
    assert asked.text.startswith("Confirmation required: Reboot web-server-01")


async def test_an_approval_stays_valid_while_a_transition_completes(fleet_bot):
    await fleet_bot.confirm("stop web-server-02")
    asked = await fleet_bot.say("stop tag:Role=web")
    fleet_bot.clock.advance(60)
    done = await fleet_bot.press(asked.action("confirm"))
    assert done.data["summary"] == {"total": 2, "accepted": 1, "unchanged": 1}


async def test_an_approval_is_invalid_after_its_target_changed(fleet_bot):
    asked = await fleet_bot.say("reboot web-server-01")
    await fleet_bot.confirm("stop web-server-01", user="bob")
    refused = await fleet_bot.press(asked.action("confirm"))
    assert refused.code == "VALIDATION_ERROR"
    assert "web-server-01 is stopping" in refused.text
    fleet_bot.clock.advance(60)
    assert (await fleet_bot.say("show web-server-01")).data["state"] == "stopped"


async def test_a_plan_to_stop_warns_of_spot_instances(bot):
    fleet = [{"name": "spare", "spot": True}, {"name": "web"}, {"name": "b", "spot": True}]
    bot.load(smartops_fake, fleet=fleet)
    bot.load(smartops_instances)
    assert "spare runs on spare capacity (Spot)" in (await bot.say("stop spare,web")).text
    assert "2 instances run on spare capacity" in (await bot.say("stop spare,web,b")).text
    assert "Spot" not in (await bot.say("reboot spare")).text


async def test_a_protected_instance_is_refused_before_the_confirmation(fleet_bot):
    assert (await fleet_bot.say("stop vault")).status == "error"


async def test_tags_are_set_and_used_as_a_filter(fleet_bot):
    await fleet_bot.confirm('tag web-server-01 "Owner=Platform, team",Tier=2')
    assert (await fleet_bot.say("tags web-server-01")).data["tags"]["Owner"] == "Platform, team"
    listed = await fleet_bot.say("list instances --tag Tier")
    assert [item["name"] for item in listed.data["instances"]] == ["web-server-01"]
    await fleet_bot.confirm("untag web-server-01 Owner,Tier")
    assert (await fleet_bot.say("tags web-server-01")).data["tags"] == {
        "Name": "web-server-01",
        "Role": "web",
    }


async def test_the_list_is_shown_if_metrics_fail(bot: Bot):
    faults = [{"operation": "latest", "code": "BACKEND_UNAVAILABLE", "message": "no metrics"}]
    bot.load(smartops_fake, fleet=[{"name": "web"}], faults=faults)
    bot.load(smartops_instances)
    listed = await bot.say("list instances")
    assert listed.data["instances"][0]["metrics"]["cpuUtilization"] is None
    assert "no metrics" in listed.text


RULES = [
    {"name": "operators", "allow": {"roles": ["operator"]}},
    {"name": "no-databases", "deny": {"commands": ["stop"], "tags": {"Role": ["database"]}}},
    {"name": "dev-only", "allow": {"commands": ["start"], "tags": {"Env": ["dev"]}}},
]


@pytest.mark.parametrize("text", ["tag web Role=web", "untag web role", "tag web Tier=1,Env=dev"])
async def test_tags_in_a_rule_cannot_be_changed(bot: Bot, text):
    bot.settings["rules"] = RULES
    bot.load(smartops_fake, fleet=[{"name": "web", "tags": {"Role": "database", "Env": "prod"}}])
    bot.load(smartops_instances)
    refused = await bot.say(text)
    assert refused.code == "PERMISSION_DENIED"
    assert "looks at it (plugins.instances.unprotected_tags)" in refused.text
    assert (await bot.say("tag web Name=other")).status == "pending"


async def test_unprotected_tags_in_a_rule_can_be_changed(bot: Bot):
    bot.settings["rules"] = RULES
    bot.load(smartops_fake, fleet=[{"name": "web", "tags": {"Role": "database"}}])
    bot.load(smartops_instances, unprotected_tags=["ro*"])
    assert (await bot.confirm("untag web Role")).status == "success"
    assert (await bot.say("tag web Env=dev")).code == "PERMISSION_DENIED"


@pytest.mark.parametrize(
    "text", ["tag web Env=x,role=web", "tag web policy:owner=me", "untag web POLICY:x"]
)
async def test_protected_tags_cannot_be_changed(bot: Bot, text):
    bot.load(smartops_fake, fleet=[{"name": "web"}])
    bot.load(smartops_instances, protected_tags=["Role", "policy:*"])
    refused = await bot.say(text)
    assert refused.code == "PERMISSION_DENIED"
    assert "may not be changed from here" in refused.text


async def test_an_approved_tag_change_is_refused_after_a_rule_uses_the_tag(bot: Bot):
    bot.load(smartops_fake, fleet=[{"name": "web", "tags": {"Role": "database"}}])
    bot.load(smartops_instances)
    asked = await bot.say("untag web Role")
    await bot.aclose()
    bot.settings["rules"] = RULES
    assert (await bot.press(asked.action("confirm"))).code == "PERMISSION_DENIED"


async def test_instances_are_listed_without_a_metrics_backend(bot: Bot, load):
    bot.add(load(machine("i-1", "web"), machine("i-2", "db", state="stopped")).cloud)
    bot.load(smartops_instances, follow="0s")
    listed = await bot.say("list instances")
    assert [item["name"] for item in listed.data["instances"]] == ["db", "web"]
    assert listed.data["instances"][0]["metrics"]["cpuUtilization"] is None
    shown = await bot.say("show web")
    assert shown.data["state"] == "running"
    assert "CPU" not in listed.text + shown.text
    assert (await bot.confirm("stop web")).status == "success"

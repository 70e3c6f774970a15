"""The commands through the whole gate, with the fake cloud."""

from __future__ import annotations

import pytest

import smartops_fake
import smartops_instances
from smartops.testing import Bot

pytestmark = pytest.mark.anyio


@pytest.fixture
def there(bot: Bot) -> Bot:
    bot.load(
        smartops_fake,
        fleet=[
            {"id": "i-0abc123def", "name": "web-server-01", "tags": {"Role": "web"}},
            {"name": "web-server-02", "tags": {"Role": "web"}},
            {"name": "db-01", "state": "stopped"},
            {"name": "vault", "protected": True},
        ],
    )
    bot.load(smartops_instances, page_size=3)
    return bot


async def test_the_button_shows_the_next_page(there):
    first = await there.say("list instances --state running,stopped")
    assert [item["name"] for item in first.data["instances"]] == ["db-01", "vault", "web-server-01"]
    assert first.data["summary"] == {"total": 4, "running": 3, "stopped": 1}
    second = await there.press(first.action("command"))
    assert [item["name"] for item in second.data["instances"]] == ["web-server-02"]
    assert isinstance(second.data["instances"][0]["metrics"]["cpuUtilization"], float)
    assert second.data["next"] is None


async def test_stop_and_start(there):
    asked = await there.say("stop web-server-01")
    assert asked.status == "pending"
    assert (await there.say("show web-server-01")).data["state"] == "running"
    done = await there.press(asked.action("confirm"))
    assert done.data["instances"][0]["after"] == "stopping"
    there.clock.advance(60)
    assert (await there.say("show i-0abc123def")).data["state"] == "stopped"
    await there.confirm("start web-server-01")
    there.clock.advance(60)
    assert (await there.say("show web-server-01")).data["state"] == "running"


async def test_an_approval_stays_valid_while_a_transition_completes(there):
    await there.confirm("stop web-server-02")
    asked = await there.say("stop tag:Role=web")
    there.clock.advance(60)
    done = await there.press(asked.action("confirm"))
    assert done.data["summary"] == {"total": 2, "accepted": 1, "unchanged": 1}


async def test_an_approval_is_invalid_after_its_target_changed(there):
    asked = await there.say("reboot web-server-01")
    await there.confirm("stop web-server-01", user="bob")
    refused = await there.press(asked.action("confirm"))
    assert refused.code == "VALIDATION_ERROR"
    assert "web-server-01 is stopping" in refused.text
    there.clock.advance(60)
    assert (await there.say("show web-server-01")).data["state"] == "stopped"


async def test_a_protected_instance_is_refused_before_the_confirmation(there):
    assert (await there.say("stop vault")).status == "error"


async def test_tags_are_set_and_used_as_a_filter(there):
    await there.confirm('tag web-server-01 "Owner=Platform, team",Tier=2')
    assert (await there.say("tags web-server-01")).data["tags"]["Owner"] == "Platform, team"
    listed = await there.say("list instances --tag Tier")
    assert [item["name"] for item in listed.data["instances"]] == ["web-server-01"]
    await there.confirm("untag web-server-01 Owner,Tier")
    assert (await there.say("tags web-server-01")).data["tags"] == {
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


async def test_an_approved_tag_change_is_refused_after_a_rule_uses_the_tag(bot: Bot):
    bot.load(smartops_fake, fleet=[{"name": "web", "tags": {"Role": "database"}}])
    bot.load(smartops_instances)
    asked = await bot.say("untag web Role")
    await bot.aclose()
    bot.settings["rules"] = RULES
    assert (await bot.press(asked.action("confirm"))).code == "PERMISSION_DENIED"


async def test_instances_are_listed_without_a_metrics_backend(bot: Bot, world, make):
    bot.add(world(make("i-1", "web"), make("i-2", "db", state="stopped")).cloud)
    bot.load(smartops_instances)
    listed = await bot.say("list instances")
    assert [item["name"] for item in listed.data["instances"]] == ["db", "web"]
    assert listed.data["instances"][0]["metrics"]["cpuUtilization"] is None
    shown = await bot.say("show web")
    assert shown.data["state"] == "running"
    assert "CPU" not in listed.text + shown.text
    assert (await bot.confirm("stop web")).status == "success"

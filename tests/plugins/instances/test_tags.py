"""``tags``, ``tag`` and ``untag`` through the whole gate."""

from __future__ import annotations

import pytest

from smartops import Table
from smartops.testing import Bot

pytestmark = pytest.mark.anyio


@pytest.fixture
def web(load) -> Bot:
    return load({"name": "web", "tags": {"Env": "dev"}})


def changes(answer):
    return [(item["before"], item["after"]) for item in answer.data["plan"]["changes"]]


async def test_tags_are_listed(web):
    answer = await web.say("tags web")
    assert answer.reply.view[1] == Table(("Tag", "Value"), (("Env", "dev"), ("Name", "web")))
    assert answer.data["tags"] == {"Env": "dev", "Name": "web"}


async def test_a_plan_shows_tags_before_and_after(web):
    asked = await web.say("tag web Tier=1,Env=prod,Name=web")
    assert changes(asked) == [
        ("Env=dev", "Env=prod"),
        ("Name=web", "Name=web"),
        ("Tier (not set)", "Tier=1"),
    ]
    answer = await web.press(asked.action("confirm"))
    assert answer.data["tags"] == {"Env": "prod", "Name": "web", "Tier": "1"}
    assert answer.data["changed"] == 2


async def test_a_tag_value_may_contain_commas_and_equals_signs_or_be_empty(web):
    await web.confirm('tag web "Owner=Platform, team","Note=a=b",Flag=')
    tags = (await web.say("tags web")).data["tags"]
    assert (tags["Owner"], tags["Note"], tags["Flag"]) == ("Platform, team", "a=b", "")
    listed = await web.say("list instances --tag Note")
    assert listed.data["summary"]["total"] == 1


async def test_untag_warns_of_missing_tags(web):
    asked = await web.say("untag web Env,Nope")
    assert changes(asked) == [("Env=dev", "Env (not set)")]
    assert list(asked.data["plan"]["warnings"]) == ["web has no tag Nope."]
    assert (await web.press(asked.action("confirm"))).data["tags"] == {"Name": "web"}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("tag web Env=dev", "Nothing to do: web has these tags already"),
        ("untag web Nope", "Nothing to do: web has none of these tags"),
    ],
)
async def test_nothing_is_confirmed_if_no_tag_changes(web, text, answer):
    done = await web.say(text)
    assert done.status == "success"
    assert answer in done.text


@pytest.mark.parametrize(
    "text",
    [
        "tag web Env",
        "tag web =x",
        "tag web Env=a,Env=b",
        f"tag web Env={'x' * 257}",
        f"tag web {'k' * 129}=x",
        "tag web 'Env=a\nb'",
        "tag web ' Env=a'",
        "tag web 'Env =a'",
        "tag web 'Env=a\u00a0'",
        "tag web 'En\x00v=a'",
        "untag web Env=dev",
        "untag web ' '",
    ],
)
async def test_invalid_tags_are_refused(web, text):
    assert (await web.say(text)).code == "VALIDATION_ERROR"
    assert (await web.say("tags web")).data["tags"] == {"Env": "dev", "Name": "web"}


RULES = [
    {"name": "operators", "allow": {"roles": ["operator"]}},
    {"name": "no-databases", "deny": {"commands": ["stop"], "tags": {"Role": ["database"]}}},
    {"name": "dev-only", "allow": {"commands": ["start"], "tags": {"Env": ["dev"]}}},
]


@pytest.mark.parametrize("text", ["tag web Role=web", "untag web role", "tag web Tier=1,Env=dev"])
async def test_tags_in_a_rule_cannot_be_changed(bot: Bot, load, text):
    bot.settings["rules"] = RULES
    load({"name": "web", "tags": {"Role": "database", "Env": "prod"}})
    refused = await bot.say(text)
    assert refused.code == "PERMISSION_DENIED"
    assert "uses it (plugins.instances.unprotected_tags)" in refused.text
    assert (await bot.say("tag web Name=other")).status == "pending"


async def test_unprotected_tags_in_a_rule_can_be_changed(bot: Bot, load):
    bot.settings["rules"] = RULES
    load({"name": "web", "tags": {"Role": "database"}}, unprotected_tags=["ro*"])
    assert (await bot.confirm("untag web Role")).status == "success"
    assert (await bot.say("tag web Env=dev")).code == "PERMISSION_DENIED"


@pytest.mark.parametrize(
    "text", ["tag web Env=x,role=web", "tag web policy:owner=me", "untag web POLICY:x"]
)
async def test_protected_tags_cannot_be_changed(bot: Bot, load, text):
    load({"name": "web"}, protected_tags=["Role", "policy:*"])
    refused = await bot.say(text)
    assert refused.code == "PERMISSION_DENIED"
    assert "may not be changed from here" in refused.text


async def test_an_approved_tag_change_is_refused_after_a_rule_uses_the_tag(bot: Bot, load):
    load({"name": "web", "tags": {"Role": "database"}})
    asked = await bot.say("untag web Role")
    await bot.aclose()
    bot.settings["rules"] = RULES
    assert (await bot.press(asked.action("confirm"))).code == "PERMISSION_DENIED"

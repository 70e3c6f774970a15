from __future__ import annotations

import pytest

from machines import machine
from smartops import Change, Effect, Table, ValidationFailed

pytestmark = pytest.mark.anyio


@pytest.fixture
def web():
    return machine("i-1", "web", tags={"Name": "web", "Env": "dev"})


@pytest.fixture
def plugin(load, web):
    return load(web)


def plan_of(plugin, name, target, words):
    return plugin.commands[name].companions["plan"](plugin.cloud, target, words)


async def test_tags_are_listed(plugin, web):
    reply = await plugin.commands["tags"](web)
    assert reply.view[1] == Table(("Tag", "Value"), (("Env", "dev"), ("Name", "web")))
    assert reply.data == {"instanceId": "i-1", "name": "web", "tags": dict(web.tags)}


async def test_tags_of_an_instance_without_tags(plugin):
    reply = await plugin.commands["tags"](machine("i-9", tags={}))
    assert reply.view[1].text == "It has no tags."


async def test_tag_plans_before_and_after_and_sets_only_differences(plugin, web):
    words = ["Tier=1", "Env=prod", "Name=web"]
    assert plugin.commands["tag"].effect is Effect.CHANGE
    plan = await plan_of(plugin, "tag", web, words)
    assert plan.changes == (
        Change("i-1", "web", "Env=dev", "Env=prod"),
        Change("i-1", "web", "Name=web", "Name=web"),
        Change("i-1", "web", "Tier (not set)", "Tier=1"),
    )
    assert plugin.cloud.calls == []
    reply = await plugin.commands["tag"](plugin.cloud, web, words)
    assert plugin.cloud.calls == [("tag", "i-1", {"Tier": "1", "Env": "prod"}, ())]
    assert reply.data["tags"] == plugin.cloud.instances["i-1"].tags
    assert reply.data["changed"] == 2


async def test_tag_with_equal_values_changes_nothing(plugin, web):
    plan = await plan_of(plugin, "tag", web, ["Env=dev"])
    assert plan.summary == "Nothing to do: web has these tags already"
    reply = await plugin.commands["tag"](plugin.cloud, web, ["Env=dev"])
    assert plugin.cloud.calls == []
    assert reply.data["changed"] == 0


async def test_a_tag_value_may_be_empty_or_contain_an_equals_sign(plugin, web):
    await plugin.commands["tag"](plugin.cloud, web, ["Note=a=b", "Flag="])
    assert plugin.cloud.calls == [("tag", "i-1", {"Note": "a=b", "Flag": ""}, ())]


async def test_untag_warns_of_missing_tags(plugin, web):
    plan = await plan_of(plugin, "untag", web, ["Env", "Nope"])
    assert plan.changes == (Change("i-1", "web", "Env=dev", "(removed)"),)
    assert plan.warnings == ("web has no tag Nope.",)
    reply = await plugin.commands["untag"](plugin.cloud, web, ["Env", "Nope"])
    assert plugin.cloud.calls == [("tag", "i-1", {}, ("Env",))]
    assert reply.data["tags"] == {"Name": "web"}


async def test_untag_of_missing_tags_changes_nothing(plugin, web):
    plan = await plan_of(plugin, "untag", web, ["Nope"])
    assert plan.summary.startswith("Nothing to do")
    reply = await plugin.commands["untag"](plugin.cloud, web, ["Nope"])
    assert plugin.cloud.calls == []
    assert reply.data["changed"] == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tag", ["Env"]),
        ("tag", ["=x"]),
        ("tag", ["Env=a", "Env=b"]),
        ("tag", ["Env=" + "x" * 257]),
        ("tag", ["k" * 129 + "=x"]),
        ("tag", ["Env=a\nb"]),
        ("tag", [" Env=a"]),
        ("tag", ["Env =a"]),
        ("tag", ["Env=a\u00a0"]),
        ("tag", ["En\x00v=a"]),
        ("untag", ["Env=dev"]),
        ("untag", [" "]),
    ],
)
async def test_invalid_tags_are_refused(plugin, web, name, words):
    with pytest.raises(ValidationFailed):
        await plan_of(plugin, name, web, words)
    with pytest.raises(ValidationFailed):
        await plugin.commands[name](plugin.cloud, web, words)
    assert plugin.cloud.calls == []

from __future__ import annotations

import pytest

from smartops import Change, Effect, PermissionDenied, Table, ValidationFailed

pytestmark = pytest.mark.anyio


@pytest.fixture
def web(make):
    return make("i-1", "web", tags={"Name": "web", "Env": "dev"})


@pytest.fixture
def there(world, web):
    return world(web, protected_tags=("Role", "policy:*"))


def plan_of(world, name, target, words):
    return world.commands[name].companions["plan"](world.cloud, target, words)


async def test_tags_are_listed(there, web):
    reply = await there.commands["tags"](web)
    assert reply.view[1] == Table(("Tag", "Value"), (("Env", "dev"), ("Name", "web")))
    assert reply.data == {"instanceId": "i-1", "name": "web", "tags": dict(web.tags)}


async def test_tags_of_an_instance_without_tags(there, make):
    reply = await there.commands["tags"](make("i-9", tags={}))
    assert reply.view[1].text == "It has no tags."


async def test_tag_plans_before_and_after_and_sets_only_differences(there, web):
    words = ["Tier=1", "Env=prod", "Name=web"]
    assert there.commands["tag"].effect is Effect.CHANGE
    plan = await plan_of(there, "tag", web, words)
    assert plan.changes == (
        Change("i-1", "web", "Env=dev", "Env=prod"),
        Change("i-1", "web", "Name=web", "Name=web"),
        Change("i-1", "web", "Tier (not set)", "Tier=1"),
    )
    assert there.cloud.calls == []
    reply = await there.commands["tag"](there.cloud, web, words)
    assert there.cloud.calls == [("tag", "i-1", {"Tier": "1", "Env": "prod"}, ())]
    assert reply.data["tags"] == there.cloud.instances["i-1"].tags
    assert reply.data["changed"] == 2


async def test_tag_with_equal_values_changes_nothing(there, web):
    plan = await plan_of(there, "tag", web, ["Env=dev"])
    assert plan.summary == "Nothing to do: web has these tags already"
    reply = await there.commands["tag"](there.cloud, web, ["Env=dev"])
    assert there.cloud.calls == []
    assert reply.data["changed"] == 0


async def test_a_tag_value_may_be_empty_or_contain_an_equals_sign(there, web):
    await there.commands["tag"](there.cloud, web, ["Note=a=b", "Flag="])
    assert there.cloud.calls == [("tag", "i-1", {"Note": "a=b", "Flag": ""}, ())]


async def test_untag_warns_of_missing_tags(there, web):
    plan = await plan_of(there, "untag", web, ["Env", "Nope"])
    assert plan.changes == (Change("i-1", "web", "Env=dev", "(removed)"),)
    assert plan.warnings == ("web has no tag Nope.",)
    reply = await there.commands["untag"](there.cloud, web, ["Env", "Nope"])
    assert there.cloud.calls == [("tag", "i-1", {}, ("Env",))]
    assert reply.data["tags"] == {"Name": "web"}


async def test_untag_of_missing_tags_changes_nothing(there, web):
    plan = await plan_of(there, "untag", web, ["Nope"])
    assert plan.summary.startswith("Nothing to do")
    reply = await there.commands["untag"](there.cloud, web, ["Nope"])
    assert there.cloud.calls == []
    assert reply.data["changed"] == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tag", ["Role=web"]),
        ("tag", ["Env=x", "role=web"]),
        ("tag", ["policy:owner=me"]),
        ("untag", ["Role"]),
        ("untag", ["POLICY:x"]),
    ],
)
async def test_protected_tags_cannot_be_changed(there, web, name, words):
    with pytest.raises(PermissionDenied, match="may not be changed from here"):
        await plan_of(there, name, web, words)
    with pytest.raises(PermissionDenied, match="may not be changed from here"):
        await there.commands[name](there.cloud, web, words)
    assert there.cloud.calls == []


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
async def test_invalid_tags_are_refused(there, web, name, words):
    with pytest.raises(ValidationFailed):
        await plan_of(there, name, web, words)
    with pytest.raises(ValidationFailed):
        await there.commands[name](there.cloud, web, words)
    assert there.cloud.calls == []

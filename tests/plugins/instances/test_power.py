from __future__ import annotations

import pytest

from machines import machine
from smartops import Change, Effect, PermissionDenied, Table, ValidationFailed
from smartops.testing import FakeWork

pytestmark = pytest.mark.anyio


async def planned(plugin, verb, *targets):
    return await plugin.commands[verb].companions["plan"](plugin.cloud, list(targets))


async def acted(plugin, verb, *targets):
    return await plugin.commands[verb](plugin.cloud, list(targets), FakeWork())


@pytest.mark.parametrize(
    ("verb", "before", "promised", "state"),
    [
        ("start", "stopped", "running", "pending"),
        ("stop", "running", "stopped", "stopping"),
        ("reboot", "running", "rebooted", "running"),
    ],
)
async def test_a_verb_is_planned_checked_and_executed(load, verb, before, promised, state):
    instance = machine("i-1", "web", state=before)
    plugin = load(instance)
    assert plugin.commands[verb].effect is Effect.CHANGE
    plan = await planned(plugin, verb, instance)
    assert plan.summary == f"{verb.capitalize()} web"
    assert plan.changes == (Change("i-1", "web", before, promised),)
    assert plugin.cloud.checked == [(verb, ("i-1",))]
    assert plugin.cloud.calls == []
    reply = await acted(plugin, verb, instance)
    assert plugin.cloud.calls == [(verb, ("i-1",))]
    change = f": {before} → {state}" if verb != "reboot" else ""
    assert f"web (i-1){change}. The request is accepted." in reply.view[0].text
    assert reply.data == {
        "action": verb,
        "instances": [{"instanceId": "i-1", "name": "web", "before": before, "after": state}],
        "summary": {"total": 1, "accepted": 1, "unchanged": 0},
    }


async def test_a_plan_is_deterministic(load):
    targets = [machine("i-2"), machine("i-1", state="stopped")]
    plugin = load(*targets)
    first = await planned(plugin, "stop", *targets)
    assert first.digest() == (await planned(plugin, "stop", *targets)).digest()
    other = await planned(plugin, "stop", machine("i-2"), machine("i-1"))
    assert first.digest() != other.digest()


async def test_targets_already_in_the_state_are_listed_and_unchanged(load):
    plugin = load(machine("i-1", "a"), machine("i-2", "b", state="stopped"), machine("i-3", "c"))
    targets = list(plugin.cloud.instances.values())
    plan = await planned(plugin, "stop", *targets)
    assert plan.summary == "Stop 2 instances"
    assert plan.changes[1] == Change("i-2", "b", "stopped", "stopped")
    assert plan.warnings == ("b is stopped or stopping already.",)
    assert plugin.cloud.checked == [("stop", ("i-1", "i-3"))]
    reply = await acted(plugin, "stop", *targets)
    assert plugin.cloud.calls == [("stop", ("i-1", "i-3"))]
    assert reply.data["summary"] == {"total": 3, "accepted": 2, "unchanged": 1}
    assert reply.view[1].text == "b was already stopped."
    assert isinstance(reply.view[2], Table)


async def test_the_backend_is_not_called_if_there_is_nothing_to_do(load):
    instance = machine("i-1", "web", state="stopping")
    plugin = load(instance)
    plan = await planned(plugin, "stop", instance)
    assert plan.summary == "Nothing to stop"
    assert plan.changes == (Change("i-1", "web", "stopped", "stopped"),)
    assert (
        plan.digest()
        == (await planned(plugin, "stop", machine("i-1", "web", state="stopped"))).digest()
    )
    reply = await acted(plugin, "stop", instance)
    assert (plugin.cloud.checked, plugin.cloud.calls) == ([], [])
    assert [block.text for block in reply.view] == ["web was already stopping."]


@pytest.mark.parametrize(
    ("verb", "state"),
    [
        ("start", "stopping"),
        ("start", "terminated"),
        ("stop", "pending"),
        ("stop", "shutting-down"),
        ("reboot", "stopped"),
    ],
)
async def test_an_instance_in_a_wrong_state_is_refused(load, verb, state):
    wrong = machine("i-1", "web", state=state)
    plugin = load(wrong)
    for attempt in (planned, acted):
        with pytest.raises(ValidationFailed, match=f"Cannot {verb} web now") as caught:
            await attempt(plugin, verb, wrong)
        assert f"web is {state}" in caught.value.details
    assert plugin.cloud.calls == []


async def test_the_plan_raises_what_the_backend_would_refuse(load):
    plugin = load(machine("i-1"))
    plugin.cloud.refuse = PermissionDenied("not yours", details="Required right: stop")
    with pytest.raises(PermissionDenied, match="not yours"):
        await planned(plugin, "stop", machine("i-1"))


async def test_too_many_targets_are_refused_in_plan_and_act(load):
    targets = [machine(f"i-{number}") for number in range(3)]
    plugin = load(*targets, max_targets=2)
    for attempt in (planned, acted):
        with pytest.raises(ValidationFailed, match="3 instances are too many to stop") as caught:
            await attempt(plugin, "stop", *targets)
        assert "At most 2" in caught.value.details
    assert plugin.cloud.calls == []
    await acted(plugin, "stop", *targets[:2], targets[0])
    assert plugin.cloud.calls == [("stop", ("i-0", "i-1"))]


async def test_a_plan_warns_that_a_group_replaces_stopped_instances(load):
    group = {"aws:autoscaling:groupName": "web"}
    targets = [
        machine("i-1", "web-1", tags=group),
        machine("i-2", "web-2", tags=group),
        machine("i-3", "node-1", tags={"eks:cluster-name": "shop"}),
        machine("i-4", "alone"),
    ]
    plugin = load(*targets)
    assert (await planned(plugin, "stop", *targets)).warnings == (
        "2 instances belong to the Auto Scaling group web, which terminates and replaces stopped "
        "instances.",
        "node-1 belongs to the EKS cluster shop: pods on stopped nodes end.",
    )
    (warning,) = (await planned(plugin, "reboot", targets[0])).warnings
    assert warning == (
        "web-1 belongs to the Auto Scaling group web, which may replace instances that do not "
        "answer."
    )
    assert (await planned(plugin, "stop", targets[3])).warnings == ()


async def test_a_plan_warns_only_of_instances_that_it_changes(load):
    group = {"aws:autoscaling:groupName": "web"}
    plugin = load(machine("i-1", "web-1", state="stopped", tags=group))
    (off,) = plugin.cloud.instances.values()
    (warning,) = (await planned(plugin, "stop", off)).warnings
    assert "already" in warning
    assert (await planned(plugin, "start", off)).warnings == ()

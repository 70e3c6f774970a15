"""``start``, ``stop`` and ``reboot`` through the whole gate."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.anyio
ON, OFF = {"name": "web"}, {"name": "db", "state": "stopped"}


def changes(answer):
    return [
        (item["label"], item["before"], item["after"]) for item in answer.data["plan"]["changes"]
    ]


@pytest.mark.parametrize(
    ("text", "summary", "planned", "done"),
    [
        ("start db", "Start db", ("stopped", "running"), ("stopped", "pending")),
        ("stop web", "Stop web", ("running", "stopped"), ("running", "stopping")),
        ("reboot web", "Reboot web", ("running", "rebooted"), ("running", "running")),
        ("restart web", "Reboot web", ("running", "rebooted"), ("running", "running")),
    ],
)
async def test_a_verb_is_planned_and_executed(load, text, summary, planned, done):
    bot = load(ON, OFF)
    asked = await bot.say(text)
    assert asked.data["plan"]["summary"] == summary
    assert changes(asked) == [(text.split()[1], *planned)]
    answer = await bot.press(asked.action("confirm"))
    (moved,) = answer.data["instances"]
    assert (moved["before"], moved["after"]) == done
    assert answer.data["summary"] == {"total": 1, "accepted": 1, "unchanged": 0}
    assert "The request is accepted." in answer.text


async def test_targets_already_in_the_state_are_listed_and_unchanged(load):
    bot = load(ON, OFF, {"name": "api"})
    asked = await bot.say("stop web,db,api")
    assert asked.data["plan"]["summary"] == "Stop 2 instances"
    assert ("db", "stopped", "stopped") in changes(asked)
    assert list(asked.data["plan"]["warnings"]) == ["db is stopped or stopping already."]
    answer = await bot.press(asked.action("confirm"))
    assert answer.data["summary"] == {"total": 3, "accepted": 2, "unchanged": 1}
    assert "db was already stopped." in answer.text


async def test_an_approval_stays_valid_while_a_transition_completes(load):
    bot = load(ON, {"name": "api"})
    await bot.confirm("stop api")
    asked = await bot.say("stop web,api")
    bot.clock.advance(60)
    done = await bot.press(asked.action("confirm"))
    assert done.data["summary"] == {"total": 2, "accepted": 1, "unchanged": 1}


async def test_an_approval_is_invalid_after_its_target_changed(load):
    bot = load(ON)
    asked = await bot.say("reboot web")
    await bot.confirm("stop web", user="bob")
    refused = await bot.press(asked.action("confirm"))
    assert refused.code == "VALIDATION_ERROR"
    assert "web is stopping" in refused.text
    bot.clock.advance(60)
    assert (await bot.say("show web")).data["state"] == "stopped"


async def test_nothing_is_confirmed_if_there_is_nothing_to_do(load):
    bot = load(ON)
    await bot.confirm("stop web")
    answer = await bot.say("stop web")
    assert answer.status == "success"
    assert "Nothing to stop" in answer.text


async def test_an_instance_in_a_wrong_state_is_refused(load):
    bot = load(ON, OFF, {"name": "vault", "protected": True})
    await bot.confirm("stop web")
    await bot.confirm("start db")
    for text, state in {
        "start web": "stopping",
        "reboot web": "stopping",
        "reboot db": "pending",
    }.items():
        answer = await bot.say(text)
        verb, name = text.split()
        assert f"Cannot {verb} {name} now" in answer.text
        assert f"{name} is {state}" in answer.text
    assert "protected" in (await bot.say("stop vault")).text


async def test_too_many_targets_are_refused(load):
    bot = load(*({"name": f"web-{number}"} for number in range(3)), max_targets=2)
    answer = await bot.say("stop web-0,web-1,web-2")
    assert "3 instances are too many to stop" in answer.text
    assert "At most 2" in answer.text
    assert (await bot.say("stop web-0,web-1,web-0")).status == "pending"


@pytest.mark.parametrize(
    ("text", "warnings"),
    [
        (
            "stop web-1,web-2,node-1,alone",
            [
                "2 instances belong to the Auto Scaling group web, which terminates and replaces "
                "stopped instances.",
                "node-1 belongs to the EKS cluster shop: pods on stopped nodes end.",
            ],
        ),
        (
            "reboot web-1",
            [
                "web-1 belongs to the Auto Scaling group web, which may replace instances that do "
                "not answer."
            ],
        ),
        ("stop off,alone", ["off is stopped or stopping already."]),
        ("start off", []),
        (
            "stop spare,alone",
            ["spare runs on spare capacity (Spot), and starts again only if there is some."],
        ),
        (
            "stop spare,spare-2",
            ["2 instances run on spare capacity (Spot), and start again only if there is some."],
        ),
        ("reboot spare", []),
    ],
)
async def test_a_plan_warns_of_groups_and_spot_capacity(load, text, warnings):
    group = {"tags": {"aws:autoscaling:groupName": "web"}}
    bot = load(
        {"name": "web-1", **group},
        {"name": "web-2", **group},
        {"name": "off", "state": "stopped", **group},
        {"name": "node-1", "tags": {"eks:cluster-name": "shop"}},
        {"name": "alone"},
        {"name": "spare", "spot": True},
        {"name": "spare-2", "spot": True},
    )
    assert list((await bot.say(text)).data["plan"]["warnings"]) == warnings

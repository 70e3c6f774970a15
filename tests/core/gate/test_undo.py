"""Undo: the opposite call of a change, asked for and confirmed like any other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

import smartops_fake
import smartops_instances
from smartops import Change, Command, Plan, command, hookimpl
from smartops.command import DeclarationError
from smartops.testing import Bot, BotReply

pytestmark = pytest.mark.anyio

TOKEN = "ghp_" + "a1B2c3D4e5" * 3 + "F6g7H8"
FLEET = [
    {"name": "web-1", "tags": {"Env": "prod"}},
    {"name": "web-2", "state": "stopped", "tags": {"Env": "prod", "Key": TOKEN}},
]


@pytest.fixture
def fleet(bot: Bot) -> Bot:
    bot.load(smartops_fake, fleet=FLEET, state_file=str(bot.folder / "cloud.json"))
    bot.load(smartops_instances, name="instances", follow="0s")
    return bot


async def done(bot: Bot, text: str) -> BotReply:
    """Run a change, and let the machines settle."""
    reply = await bot.confirm(text)
    bot.clock.advance(60)
    return reply


def deny(bot: Bot, **conditions: Any) -> None:
    rule = {"name": "hands-off", "deny": conditions}
    bot.settings["rules"] = [*bot.settings["rules"], rule]


async def facts(bot: Bot) -> dict[str, Any]:
    listed = (await bot.say("list instances")).data["instances"]
    return {item["name"]: (item["state"], item["tags"]) for item in listed}


@pytest.mark.parametrize(
    ("text", "opposite"),
    [
        ("stop web-1,web-2", "start ID"),
        ("start web-1,web-2", "stop ID"),
        ("tag web-1 Env=test,Owner=me,Name=web-1", "tag ID Env=prod --remove Owner"),
        ("tag web-1 Owner=me", "untag ID Owner"),
        ('tag web-1 Env="a=b c"', "tag ID Env=prod"),
        ("untag web-1 Env,Other", "tag ID Env=prod"),
    ],
)
async def test_the_button_restores_the_state_before_the_change(
    fleet: Bot, text: str, opposite: str
) -> None:
    before = await facts(fleet)
    reply = await done(fleet, text)
    assert (await facts(fleet)) != before
    (change,) = {item["instanceId"] for item in reply.data.get("instances", ())} & {
        *reply.data["undo"]["command"].split()
    } or {reply.data.get("instanceId")}
    assert reply.data["undo"]["command"] == opposite.replace("ID", change)
    asked = await fleet.press(reply.action("command"))
    assert asked.status == "pending"
    assert reply.data["undo"]["command"] in asked.text
    undone = await fleet.press(asked.action("confirm"))
    fleet.clock.advance(60)
    assert undone.status == "success"
    assert (await facts(fleet)) == before


async def test_a_reboot_and_a_read_have_no_undo(fleet: Bot) -> None:
    for reply in (await done(fleet, "reboot web-1"), await fleet.say("show web-1")):
        assert "undo" not in reply.data
        assert not reply.reply.actions
    assert (await fleet.say("undo")).text == "There is nothing to undo."


async def test_undo_is_refused_when_the_targets_have_changed_since(fleet: Bot) -> None:
    tagged = await done(fleet, "tag web-1 Env=test")
    await done(fleet, "tag web-1 Env=other")
    refused = await fleet.press(tagged.action("command"))
    assert refused.code == "VALIDATION_ERROR"
    assert refused.text == (
        "tag web-1 Env=test cannot be undone: its targets have changed since\n\n"
        "web-1 is now: Env=other"
    )
    stopped = await done(fleet, "stop web-1")
    await done(fleet, "start web-1")
    assert "web-1 is now: running" in (await fleet.press(stopped.action("command"))).text


async def test_undo_is_not_done_when_the_targets_change_before_the_confirmation(
    fleet: Bot,
) -> None:
    tagged = await done(fleet, "tag web-1 Env=test")
    asked = await fleet.press(tagged.action("command"))
    await done(fleet, "tag web-1 Env=other")
    assert (await fleet.press(asked.action("confirm"))).code == "APPROVAL_INVALID"
    assert (await facts(fleet))["web-1"][1]["Env"] == "other"


async def test_undo_is_in_words_too_survives_a_restart_and_lasts_for_an_hour(fleet: Bot) -> None:
    reply = await done(fleet, "stop web-1")
    await fleet.restart()
    listed = await fleet.say("undo")
    assert [item["operation"] for item in listed.data["operations"]] == [reply.data["operation"]]
    assert (await fleet.say(f"undo {reply.data['operation']}")).status == "pending"
    assert (await fleet.say(f"undo {reply.data['operation']}", user="bob")).text.startswith(
        "You have no operation op-"
    )
    assert (await fleet.say("undo op-000000000000")).code == "VALIDATION_ERROR"
    fleet.clock.advance(3600)
    late = await fleet.press(reply.action("command"))
    assert late.text.startswith("stop web-1 cannot be undone any more")
    assert (await fleet.say("undo")).data == {"operations": []}


async def test_who_may_not_run_the_opposite_is_offered_no_undo(fleet: Bot) -> None:
    deny(fleet, commands=["start"])
    reply = await done(fleet, "stop web-1")
    assert not reply.reply.actions
    assert (await fleet.say(f"undo {reply.data['operation']}")).text.startswith(
        "stop web-1 cannot be undone"
    )


async def test_a_right_that_was_lost_since_denies_the_opposite(fleet: Bot) -> None:
    reply = await done(fleet, "stop web-1")
    await fleet.aclose()
    deny(fleet, commands=["start"], tags={"Env": "prod"})
    assert not (await fleet.say(f"can-i undo {reply.data['operation']}")).data["allowed"]
    denied = await fleet.press(reply.action("command"))
    assert denied.code == "PERMISSION_DENIED"
    assert "hands-off" in denied.text


async def test_a_secret_value_is_stored_in_no_undo(fleet: Bot) -> None:
    reply = await done(fleet, "tag web-2 Key=other")
    assert reply.status == "success"
    assert "undo" not in reply.data


async def test_a_failed_change_cannot_be_undone(bot: Bot) -> None:
    fault = {"operation": "stop", "code": "BACKEND_UNAVAILABLE", "message": "no answer"}
    bot.load(smartops_fake, fleet=FLEET, faults=[fault])
    bot.load(smartops_instances, follow="0s")
    await bot.confirm("stop web-1")
    (operation,) = (await bot.say("operations")).data["operations"]
    refused = await bot.say(f"undo {operation['operation']}")
    assert refused.text.startswith("stop web-1 cannot be undone")


class Switch:
    """A plugin with a switch, whose commands undo each other; ``broken`` says how not."""

    def __init__(self, broken: str = "") -> None:
        self.on = False
        self.broken = broken

    @hookimpl
    def register_commands(self) -> list[Command]:
        on, off, stray = (self.switch(name) for name in ("turn on", "turn off", "stray"))

        @on.undo
        def undo_on(plan: Plan) -> tuple[Command, Mapping[str, Any]] | None:
            if self.broken == "fails":
                raise RuntimeError("no")
            assert plan.changes[0].after == "on"
            return (stray if self.broken == "unregistered" else off), {"wait": 3}

        return [on, off]

    def switch(self, name: str) -> Command:
        wanted = "on" if name == "turn on" else "off"

        @command(name, effect="change")
        async def turn(wait: int = 0) -> str:
            """Turn the switch."""
            self.on = wanted == "on"
            return f"{wanted} after {wait}"

        @turn.plan
        async def plan() -> Plan:
            state = "on" if self.on else "off"
            return Plan("Turn", (Change("switch", "switch", state, wanted),))

        return turn


async def test_a_plugin_with_a_prefix_undoes_by_its_own_commands(bot: Bot) -> None:
    east, west = Switch(), Switch()
    bot.load(east, name="east", prefix="east")
    bot.load(west, name="west", prefix="west")
    reply = await bot.confirm("west turn on")
    assert reply.data["undo"]["command"] == "west turn off --wait 3"
    undone = await bot.press((await bot.press(reply.action("command"))).action("confirm"))
    assert undone.text == "off after 3"
    assert not west.on


@pytest.mark.parametrize("broken", ["fails", "unregistered"])
async def test_a_change_whose_undo_fails_is_made_and_cannot_be_undone(
    bot: Bot, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    switch = Switch(broken)
    bot.load(switch)
    reply = await bot.confirm("turn on")
    assert reply.text == "on after 0"
    assert switch.on
    assert not reply.reply.actions
    assert "the undo of turn on failed" in caplog.text


def test_an_undo_takes_only_parameters_of_the_command() -> None:
    turn = Switch().switch("turn on")
    with pytest.raises(DeclarationError, match="undo of 'turn on': other is no parameter"):

        @turn.undo
        def undo(other: str) -> None: ...

"""An undo is a change like any other: freezes and locks hold it back."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.anyio


async def test_a_freeze_or_the_lock_of_another_refuses_an_undo(guarded) -> None:
    bot = guarded()
    reply = await bot.confirm("stop web-1")
    bot.clock.advance(60)
    asked = await bot.press(reply.action("command"))
    await bot.confirm("lock web-1 for 10m repair", user="bob")
    assert (await bot.press(asked.action("confirm"))).text.startswith("Locked: web-1")
    assert (await bot.press(reply.action("command"))).text.startswith("Locked: web-1")
    await bot.confirm("unlock web-1", user="bob")
    await bot.confirm("freeze production for 10m because of the release", user="bob")
    assert "is frozen until" in (await bot.press(reply.action("command"))).text
    bot.clock.advance(600)
    undone = await bot.press((await bot.press(reply.action("command"))).action("confirm"))
    assert undone.status == "success"


async def test_an_undo_waits_for_the_approval_of_others_where_a_rule_demands_it(guarded) -> None:
    bot = guarded()
    demand = {"for": {"commands": ["start"]}, "from": {"roles": ["lead"]}}
    bot.settings["approvals"] = [{"name": "starts", **demand}]
    reply = await bot.confirm("stop web-1")
    bot.clock.advance(60)
    waiting = await bot.press((await bot.press(reply.action("command"))).action("confirm"))
    request = waiting.data["approval"]["approval"]
    assert waiting.status == "pending"
    assert (await bot.say(f"approve {request}", user="lee")).status == "success"
    listed = (await bot.say("list instances --name web-1")).data["instances"]
    assert listed[0]["state"] in ("pending", "running")

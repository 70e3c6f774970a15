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

"""Locks of instances, through the whole gate."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.anyio

LOCK = 'lock web-1 for 2h "migration"'


async def test_a_lock_refuses_the_changes_of_others_and_says_who_lifts_it(guarded) -> None:
    bot = guarded()
    locked = await bot.confirm(LOCK)
    id_ = locked.data["instanceId"]
    assert locked.data["until"] == "2027-01-15T10:00:00Z"
    refused = await bot.say("stop web-1,web-2", user="bob")
    assert refused.code == "PERMISSION_DENIED"
    assert refused.text == (
        "Locked: web-1\n\nweb-1 is locked by bot:alice until 2027-01-15 10:00 UTC. Reason: "
        f"migration. bot:alice or the role lead can lift it: unlock {id_}"
    )
    for text in ("tag web-1 Role=db", "reboot tag:Role=web"):
        assert (await bot.say(text, user="lee")).text.startswith("Locked: web-1")
    assert "Locked: web-1" in (await bot.say("can-i stop web-1", user="bob")).text
    assert (await bot.say("stop web-2", user="bob")).status == "pending"
    assert (await bot.say("stop web-1")).status == "pending"


async def test_a_lock_is_shown_in_plans_lists_and_show(guarded) -> None:
    bot = guarded()
    await bot.confirm(LOCK)
    text = "web-1 is locked by bot:alice until 2027-01-15 10:00 UTC: migration"
    assert (await bot.say("stop web-1")).data["plan"]["warnings"] == (text,)
    assert (await bot.say("list instances", user="bob")).data["note"] == text
    assert text in (await bot.say("show web-1", user="bob")).text
    assert "locked" not in (await bot.say("show web-2")).text
    assert (await bot.say("locks")).data["locks"][0]["reason"] == "migration"


async def test_a_lock_that_was_set_after_the_question_refuses_the_confirmed_change(
    guarded,
) -> None:
    bot = guarded()
    asked = await bot.say("stop web-1", user="bob")
    await bot.confirm(LOCK)
    refused = await bot.press(asked.action("confirm"), user="bob")
    assert refused.text.startswith("Locked: web-1")


@pytest.mark.parametrize("who", ["alice", "bob", "lee"])
async def test_only_the_owner_or_a_right_unlocks(guarded, who: str) -> None:
    bot = guarded()
    await bot.confirm(LOCK)
    unlocking = await bot.say("unlock web-1", user=who)
    relocking = await bot.say("lock web-1 for 5m mine", user=who)
    if who == "bob":
        assert unlocking.text.startswith("You may not unlock web-1")
        assert relocking.text.startswith("web-1 is locked already by bot:alice")
        return
    assert relocking.status == "pending"
    assert (await bot.press(unlocking.action("confirm"), user=who)).status == "success"
    assert (await bot.say("locks")).data == {"locks": []}
    assert (await bot.say("stop web-1", user="bob")).status == "pending"
    assert (await bot.say("unlock web-1", user=who)).code == "VALIDATION_ERROR"


async def test_a_lock_can_be_extended_survives_a_restart_and_ends(guarded) -> None:
    bot = guarded()
    await bot.confirm(LOCK)
    await bot.confirm("lock web-1 until 12:00 the rest of it")
    await bot.restart()
    bot.clock.advance(2 * 3600)
    assert (await bot.say("stop web-1", user="bob")).text.startswith("Locked: web-1")
    bot.clock.advance(2 * 3600)
    assert (await bot.say("stop web-1", user="bob")).status == "pending"
    assert (await bot.confirm(LOCK, user="bob")).status == "success"


async def test_of_two_people_who_lock_at_two_replicas_one_has_the_lock(replicas) -> None:
    one, other = replicas()
    mine = await one.say(LOCK)
    theirs = await other.say(LOCK, user="bob")
    assert (await one.press(mine.action("confirm"))).status == "success"
    refused = await other.press(theirs.action("confirm"), user="bob")
    assert refused.status == "error"
    assert (await other.say("stop web-1", user="bob")).text.startswith("Locked: web-1")
    assert (await other.say("locks")).data["locks"][0]["by"] == "bot:alice"
    await other.aclose()

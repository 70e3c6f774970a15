"""Asked in a channel, shown in the thread, confirmed, done once."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from chat_house import Front, House

pytestmark = pytest.mark.anyio
CHANGE = "reboot web-server-01"


async def asked_for(front: Front, text: str = CHANGE) -> Any:
    await front.says(text)
    return await front.asked()


async def confirmed(house: House, front: Front, asked: Any, user: str = "alice") -> None:
    await front.clicks(asked, "confirm", user=user)
    await house.until(lambda: asked.edits and not asked.buttons)


async def test_a_change_is_asked_for_confirmed_and_done_once(house: House, front: Front) -> None:
    said = await front.says(CHANGE)
    asked = await front.asked()
    assert front.thread(asked) == front.thread(said)
    assert "Confirmation required" in asked.text
    assert "web-server-01" in asked.text
    assert house.changes == []

    await confirmed(house, front, asked)
    assert "Rebooting web-server-01" in asked.text
    assert [change["what"] for change in house.changes] == ["reboot"]
    assert len(front.answers()) == 1
    assert front.rejected() == []


async def test_a_change_is_called_off(house: House, front: Front) -> None:
    asked = await asked_for(front)
    await front.clicks(asked, "cancel")
    await house.until(lambda: asked.edits and not asked.buttons)
    assert "Cancelled" in asked.text
    assert house.changes == []


async def test_the_same_click_again_is_answered_in_private(house: House, front: Front) -> None:
    asked = await asked_for(front)
    stale = front.remembered(asked)
    await confirmed(house, front, asked)
    shown = asked.text
    await front.clicks(stale, "confirm")
    await house.until(lambda: "confirmed already" in front.private("alice"))
    await house.passes(5)
    assert (asked.text, asked.buttons) == (shown, [])
    assert len(house.changes) == len(front.answers()) == 1


async def test_two_clicks_at_once_do_it_once(house: House, front: Front) -> None:
    asked = await asked_for(front)
    clients = [front.remembered(asked) for _ in range(4)]
    async with anyio.create_task_group() as group:
        for client in clients:
            group.start_soon(front.clicks, client, "confirm")
    await house.until(lambda: asked.edits and not asked.buttons)

    def told() -> int:
        # a click that came a moment later finds the decision, one at the same time loses the race
        private = front.private("alice")
        return private.count("in the meantime") + private.count("confirmed already")

    await house.until(lambda: told() == 3)
    assert "Rebooting" in asked.text
    assert len(house.changes) == len(front.answers()) == 1


async def test_a_strangers_click_is_answered_to_him_alone(house: House, front: Front) -> None:
    asked = await asked_for(front)
    await front.clicks(asked, "confirm", user="bob")
    await house.until(lambda: "somebody else" in front.private("bob"))
    await front.clicks(asked, "confirm", user="mallory")
    await house.until(lambda: "does not know you" in front.private("mallory"))
    await house.passes(5)
    assert (asked.edits, len(asked.buttons), house.changes) == (0, 2, [])
    assert (len(front.answers()), front.private("alice")) == (1, "")
    await confirmed(house, front, asked)
    assert len(house.changes) == 1


async def test_a_click_after_expiry_changes_nothing(house: House, front: Front) -> None:
    asked = await asked_for(front)
    house.clock.advance(16 * 60)
    await confirmed(house, front, asked)
    assert "expired" in asked.text
    assert house.changes == []


async def test_a_click_after_a_restart_does_it(house: House, front: Front) -> None:
    asked = await asked_for(front)
    await house.restart()
    await confirmed(house, front, asked)
    assert [change["what"] for change in house.changes] == ["reboot"]
    assert len(front.answers()) == 1


async def test_the_same_click_after_a_restart_does_it_no_more(house: House, front: Front) -> None:
    asked = await asked_for(front)
    stale = front.remembered(asked)
    await confirmed(house, front, asked)
    await house.restart()
    await front.clicks(stale, "confirm")
    await house.until(lambda: "confirmed already" in front.private("alice"))
    assert len(house.changes) == 1


async def test_an_edit_and_the_bots_own_words_run_nothing(house: House) -> None:
    slack = house.slack
    slack.subscriptions.add("message.channels")
    said = await slack.says("list instances", channel="ops")
    await slack.shown("ops")
    await slack.edits(said, f"<@{slack.app.user}> {CHANGE}")
    await house.passes(5)
    assert len(slack.channel("ops").answers) == 1
    assert "web-server-02" in slack.channel("ops").answers[0].text


BOTH_WAYS = pytest.mark.parametrize("way", ["slack to teams", "teams to slack"])


def fronts(house: House, way: str) -> tuple[Front, Front]:
    here, there = way.split(" to ")
    return house.fronts[here], house.fronts[there]


@BOTH_WAYS
async def test_asked_here_and_confirmed_there(house: House, way: str) -> None:
    here, there = fronts(house, way)
    asked = await asked_for(here)
    chat = there.alone("alice")
    await there.says("approvals", place=chat)
    again = await there.asked(chat)
    for shown in ("Confirmation required: Reboot web-server-01", CHANGE, "web-server-01"):
        assert shown in again.text

    await there.clicks(again, "confirm")
    await house.until(lambda: not (asked.buttons or again.buttons))
    assert "Rebooting web-server-01" in asked.text
    assert "Rebooting web-server-01" in again.text
    assert [change["what"] for change in house.changes] == ["reboot"]
    assert (len(here.answers()), len(there.answers(chat)), len(there.answers())) == (1, 1, 0)
    assert [*here.rejected(), *there.rejected()] == []


@BOTH_WAYS
async def test_shown_there_and_confirmed_where_it_was_asked(house: House, way: str) -> None:
    here, there = fronts(house, way)
    asked = await asked_for(here)
    chat = there.alone("alice")
    await there.says("approvals", place=chat)
    again = await there.asked(chat)
    stale = there.remembered(again)
    await here.clicks(asked, "confirm")
    await house.until(lambda: not (asked.buttons or again.buttons))
    assert "Rebooting web-server-01" in again.text
    await there.clicks(stale, "confirm")
    await house.passes(5)
    assert (len(house.changes), len(here.answers())) == (1, 1)


@BOTH_WAYS
async def test_in_a_channel_only_the_one_who_asked_sees_it(house: House, way: str) -> None:
    here, there = fronts(house, way)
    asked = await asked_for(here)
    await there.says("approvals")
    alone = await there.asked_alone()
    await here.clicks(asked, "cancel")
    await house.until(lambda: not asked.buttons)
    await house.passes(5)
    assert there.revealed() == []  # what only alice saw is not made known to all

    await there.clicks(alone, "confirm")
    await house.until(lambda: "cancelled already" in there.private("alice"))
    assert (there.revealed(), house.changes) == ([], [])
    assert [*here.rejected(), *there.rejected()] == []


@BOTH_WAYS
async def test_confirmed_in_a_channel_it_is_answered_there(house: House, way: str) -> None:
    here, there = fronts(house, way)
    asked = await asked_for(here)
    await there.says("approvals")
    alone = await there.asked_alone()
    await there.clicks(alone, "confirm")
    await house.until(lambda: not asked.buttons)
    assert "Rebooting web-server-01" in asked.text
    await house.until(lambda: "Rebooting web-server-01" in there.private("alice"))
    assert len(house.changes) == 1


@BOTH_WAYS
async def test_another_person_sees_and_confirms_nothing_there(house: House, way: str) -> None:
    here, there = fronts(house, way)
    asked = await asked_for(here)
    await there.says("approvals", user="bob")
    await house.until(lambda: "no pending confirmations" in there.private("bob"))
    await there.says(token_of(asked), user="bob")
    await house.until(lambda: "somebody else" in there.private("bob"))
    assert (len(asked.buttons), house.changes, asked.edits) == (2, [], 0)


def token_of(asked: Any) -> str:
    """Return what the button that confirms carries."""
    if hasattr(asked, "controls"):
        return next(part["value"] for part in asked.controls if part["value"].startswith("conf"))
    actions = asked.card["actions"]
    return next(
        value
        for action in actions
        for value in action["data"].values()
        if str(value).startswith("confirm_")
    )

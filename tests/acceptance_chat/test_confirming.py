"""A change is requested, confirmed and made once, on both platforms."""

from __future__ import annotations

import re
from typing import Any

import anyio
import pytest

from chat_deployment import Deployment, Platform

pytestmark = pytest.mark.anyio
CHANGE = "reboot web-server-01"


async def asked_for(platform: Platform, text: str = CHANGE) -> Any:
    await platform.says(text)
    return await platform.asked()


async def confirmed(
    deployment: Deployment, platform: Platform, asked: Any, user: str = "alice"
) -> None:
    await platform.clicks(asked, "confirm", user=user)
    await deployment.until(lambda: asked.edits and not asked.buttons)


async def test_a_change_is_confirmed_and_made_once(
    deployment: Deployment, platform: Platform
) -> None:
    sent = await platform.says(CHANGE)
    asked = await platform.asked()
    assert platform.thread(asked) == platform.thread(sent)
    assert "Confirmation required" in asked.text
    assert "web-server-01" in asked.text
    assert deployment.changes == []

    await confirmed(deployment, platform, asked)
    await deployment.until(lambda: "Rebooting web-server-01" in asked.text)
    assert asked.text.startswith("Reboot web-server-01")
    assert re.search(r"Confirmed by alice, \d\d:\d\d UTC", asked.text)
    assert [change["what"] for change in deployment.changes] == ["reboot"]
    assert len(platform.answers()) == 1
    assert platform.rejected() == []


async def test_a_change_is_cancelled(deployment: Deployment, platform: Platform) -> None:
    asked = await asked_for(platform)
    await platform.clicks(asked, "cancel")
    await deployment.until(lambda: asked.edits and not asked.buttons)
    assert "Cancelled: reboot web-server-01" in asked.text
    assert re.search(r"Cancelled by alice, \d\d:\d\d UTC", asked.text)
    assert deployment.changes == []


async def test_a_decision_shows_all_targets(deployment: Deployment, platform: Platform) -> None:
    asked = await asked_for(platform, "reboot tag:Role=web")
    await platform.clicks(asked, "cancel")
    await deployment.until(lambda: asked.edits and not asked.buttons)
    assert "Reboot 2 instances" in asked.text
    assert "web-server-02" in asked.text


async def test_a_form_is_cancelled_for_all(deployment: Deployment, platform: Platform) -> None:
    form = await asked_for(platform, "reboot")
    await platform.clicks(form, "Cancel")
    await deployment.until(lambda: form.edits and not form.buttons)
    assert "Cancelled: reboot" in form.text
    await platform.says("web-server-01")
    await deployment.until(lambda: "No command matches" in platform.private("alice"))


async def test_a_near_miss_is_a_button(deployment: Deployment, platform: Platform) -> None:
    await platform.says("shwo web-server-01")
    refused = await platform.asked_alone()
    assert refused.buttons == ["show web-server-01"]
    await platform.clicks(refused, "show web-server-01")
    await deployment.until(lambda: "i-0abc123def" in platform.whole() + platform.private("alice"))


async def test_concurrent_clicks_make_the_change_once(
    deployment: Deployment, platform: Platform
) -> None:
    asked = await asked_for(platform)
    clients = [platform.remembered(asked) for _ in range(4)]
    async with anyio.create_task_group() as group:
        for client in clients:
            group.start_soon(platform.clicks, client, "confirm")
    await deployment.until(lambda: asked.edits and not asked.buttons)
    await deployment.until(lambda: platform.private("alice").count("See: history") == 3)
    await deployment.until(lambda: "Rebooting" in asked.text)
    assert len(deployment.changes) == len(platform.answers()) == 1


async def test_a_click_after_expiry_changes_nothing(
    deployment: Deployment, platform: Platform
) -> None:
    asked = await asked_for(platform)
    deployment.clock.advance(16 * 60)
    await confirmed(deployment, platform, asked)
    assert "expired" in asked.text
    assert deployment.changes == []


async def test_a_click_after_a_restart_makes_the_change(
    deployment: Deployment, platform: Platform
) -> None:
    asked = await asked_for(platform)
    await deployment.restart()
    await confirmed(deployment, platform, asked)
    assert [change["what"] for change in deployment.changes] == ["reboot"]
    assert len(platform.answers()) == 1


async def test_a_second_click_after_a_restart_changes_nothing(
    deployment: Deployment, platform: Platform
) -> None:
    asked = await asked_for(platform)
    stale = platform.remembered(asked)
    await confirmed(deployment, platform, asked)
    await deployment.restart()
    await platform.clicks(stale, "confirm")
    await deployment.until(lambda: "confirmed already" in platform.private("alice"))
    assert len(deployment.changes) == 1


@pytest.fixture(params=[("slack", "teams"), ("teams", "slack")], ids=" to ".join)
async def both(request: pytest.FixtureRequest, deployment: Deployment) -> tuple[Any, Any, Any]:
    """Return a platform, another one, and the question for a confirmation on the first."""
    here, there = (deployment.platforms[name] for name in request.param)
    return here, there, await asked_for(here)


async def test_a_change_is_confirmed_on_the_other_platform(
    deployment: Deployment, both: tuple[Any, Any, Any]
) -> None:
    here, there, asked = both
    chat = there.alone("alice")
    await there.says("approvals", place=chat)
    again = await there.asked(chat)
    for shown in ("Confirmation required: Reboot web-server-01", CHANGE, "web-server-01"):
        assert shown in again.text

    await there.clicks(again, "confirm")
    await deployment.until(lambda: not (asked.buttons or again.buttons))
    assert "Rebooting web-server-01" in asked.text
    assert "Rebooting web-server-01" in again.text
    assert [change["what"] for change in deployment.changes] == ["reboot"]
    assert (len(here.answers()), len(there.answers(chat)), len(there.answers())) == (1, 1, 0)
    assert [*here.rejected(), *there.rejected()] == []


async def test_a_confirmation_closes_the_message_on_the_other_platform(
    deployment: Deployment, both: tuple[Any, Any, Any]
) -> None:
    here, there, asked = both
    chat = there.alone("alice")
    await there.says("approvals", place=chat)
    again = await there.asked(chat)
    stale = there.remembered(again)
    await here.clicks(asked, "confirm")
    await deployment.until(lambda: not (asked.buttons or again.buttons))
    assert "Rebooting web-server-01" in again.text
    await there.clicks(stale, "confirm")
    await deployment.passes(5)
    assert (len(deployment.changes), len(here.answers())) == (1, 1)


async def test_in_a_channel_only_the_sender_sees_the_approvals(
    deployment: Deployment, both: tuple[Any, Any, Any]
) -> None:
    here, there, asked = both
    await there.says("approvals")
    alone = await there.asked_alone()
    await here.clicks(asked, "cancel")
    await deployment.until(lambda: not asked.buttons)
    await deployment.passes(5)
    assert there.revealed() == []  # what only alice saw is not made known to all

    await there.clicks(alone, "confirm")
    await deployment.until(lambda: "cancelled already" in there.private("alice"))
    assert (there.revealed(), deployment.changes) == ([], [])
    assert [*here.rejected(), *there.rejected()] == []


async def test_a_confirmation_in_a_channel_is_answered_there(
    deployment: Deployment, both: tuple[Any, Any, Any]
) -> None:
    _here, there, asked = both
    await there.says("approvals")
    alone = await there.asked_alone()
    await there.clicks(alone, "confirm")
    await deployment.until(lambda: not asked.buttons)
    assert "Rebooting web-server-01" in asked.text
    await deployment.until(lambda: "Rebooting web-server-01" in there.private("alice"))
    assert len(deployment.changes) == 1


async def test_another_person_cannot_see_or_confirm_the_change(
    deployment: Deployment, both: tuple[Any, Any, Any]
) -> None:
    _here, there, asked = both
    await there.says("approvals", user="bob")
    await deployment.until(lambda: "no pending confirmations" in there.private("bob"))
    await there.says(token_of(asked), user="bob")
    await deployment.until(lambda: "Only alice can" in there.private("bob"))
    assert (len(asked.buttons), deployment.changes, asked.edits) == (2, [], 0)


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

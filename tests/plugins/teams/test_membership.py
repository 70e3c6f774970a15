"""Where the bot is: remembered, welcomed once, and forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from smartops_teams.membership import change_of
from teams_acts import BOT, activity, in_channel
from teams_house import House, a_house

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as house:
        yield house


async def known(house: House) -> list[str]:
    return sorted(item["conversation"] for item in await house.channel.references.all())


async def until_known(house: House, *names: str) -> None:
    wanted = sorted(house.teams.conversation(name).id for name in names)
    for _ in range(400):
        if await known(house) == wanted:
            return
        await house.settled()
    raise AssertionError((await known(house), wanted))


async def test_welcomed_once(house: House) -> None:
    teams = house.teams
    await teams.install("with alice")
    welcome = await teams.shown("with alice")
    assert "SmartOps is here" in welcome.text
    assert "help" in welcome.text
    await until_known(house, "with alice")
    await teams.install("with alice")  # again, after an upgrade
    await house.settled()
    assert len(teams.conversation("with alice").answers) == 1

    await teams.clicks(welcome, "What can I do here?")
    answer = await teams.shown("with alice", count=2)
    assert "switch" in answer.text
    assert welcome.buttons == ["What can I do here?"]


async def test_forgotten_when_removed(house: House) -> None:
    teams = house.teams
    for name in ("group crew", "ops", "with alice"):
        await teams.install(name)
    await until_known(house, "group crew", "ops", "with alice")
    await teams.remove("group crew")
    await until_known(house, "ops", "with alice")
    await teams.remove("ops")
    await until_known(house, "with alice")
    await teams.install("ops")
    await until_known(house, "ops", "with alice")
    await teams.shown("ops", count=2)  # it is new there


async def test_remembered_after_a_restart(house: House) -> None:
    await house.teams.install("ops")
    await until_known(house, "ops")
    await house.stop()
    await house.start()
    assert await known(house) == [house.teams.conversation("ops").id]


async def test_forgotten_when_it_may_not_speak(house: House) -> None:
    teams = house.teams
    await teams.install("group crew")
    await until_known(house, "group crew")
    await teams.shown("group crew")  # the welcome
    teams.fail(status=403, error="BotNotInConversationRoster")
    await teams.says("switch kitchen", conversation="group crew")
    await until_known(house)


async def test_a_welcome_that_takes_long_holds_up_nobody_else(house: House) -> None:
    teams = house.teams
    teams.fail(status=429, retry_after=60)
    await teams.install("group crew")
    await teams.until(lambda: bool(teams.rejected))
    await teams.install("with alice")
    assert "SmartOps is here" in (await teams.shown("with alice")).text
    await until_known(house, "group crew", "with alice")
    assert teams.conversation("group crew").answers == []


async def test_a_welcome_that_is_refused_is_no_failure(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.teams.fail(status=403, error="MessageWritesBlocked")
    await house.teams.install("with alice")
    await house.teams.until(lambda: bool(house.teams.rejected))
    await house.settled()
    assert "was not welcomed" in caplog.text


MEMBER = {"id": "29:1alice"}


@pytest.mark.parametrize(
    ("said", "change"),
    [
        ({"type": "installationUpdate", "action": "add"}, "added"),
        ({"type": "installationUpdate", "action": "add-upgrade"}, "added"),
        ({"type": "installationUpdate", "action": "remove"}, "removed"),
        ({"type": "installationUpdate", "action": "remove-upgrade"}, "removed"),
        ({"type": "installationUpdate", "action": "other"}, ""),
        ({"type": "conversationUpdate", "membersAdded": [MEMBER, BOT]}, "added"),
        ({"type": "conversationUpdate", "membersAdded": [MEMBER]}, ""),
        ({"type": "conversationUpdate", "membersRemoved": [BOT]}, "removed"),
        ({"type": "conversationUpdate", "membersRemoved": [MEMBER]}, ""),
        ({"type": "conversationUpdate", "membersAdded": BOT["id"]}, ""),
        ({"type": "message", "action": "remove", "membersRemoved": [BOT]}, ""),
    ],
)
def test_what_happened_to_the_bot(said: dict[str, Any], change: str) -> None:
    assert change_of(activity(**said)) == change


@pytest.mark.parametrize(
    ("event", "change"),
    [
        ("teamDeleted", "team removed"),
        ("teamHardDeleted", "team removed"),
        ("channelDeleted", "removed"),
        ("channelRenamed", ""),
        ("teamArchived", ""),
    ],
)
def test_what_happened_to_the_team(event: str, change: str) -> None:
    said = in_channel("", type="conversationUpdate")
    said["channelData"]["eventType"] = event
    assert change_of(said) == change
    left = in_channel("", type="conversationUpdate", membersRemoved=[BOT])
    assert change_of(left) == "team removed"

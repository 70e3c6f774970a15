"""Redelivery of every message, in any order and concurrently, has no second effect."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import anyio
import pytest

from chat_deployment import Deployment
from smartops_simulators.slack import Message
from smartops_simulators.teams import Message as TeamsMessage

pytestmark = pytest.mark.anyio

MESSAGES = 6
TIMES = 3
Send = Callable[[], Awaitable[Any]]


async def storm(sends: list[Send]) -> None:
    """Send everything three times, in disorder and at once."""
    flood = sends * TIMES
    random.Random(7).shuffle(flood)

    async def sent(send: Send) -> None:
        assert (await send()).status == 200

    async with anyio.create_task_group() as group:
        for send in flood:
            group.start_soon(sent, send)


def counted(changes: list[Mapping[str, Any]]) -> Counter[str]:
    return Counter(str(change["what"]) for change in changes)


async def test_a_storm_of_redeliveries_from_slack(deployment: Deployment) -> None:
    slack = deployment.slack
    slack.subscriptions.add("message.channels")  # each mention comes as two events
    sent: list[Send] = []
    for number in range(MESSAGES):
        chat = slack.channel(f"room-{number % 4}")
        chat.members.setdefault("alice", slack.user("alice"))
        words = _said(deployment, chat.id, f"reboot web-server-0{number % 2 + 1}")
        sent += [partial(slack.deliver, "events_api", event) for event in slack.events(words)]
    await storm(sent)
    rooms = [slack.channel(f"room-{number}") for number in range(4)]
    await deployment.until(lambda: sum(len(room.answers) for room in rooms) == MESSAGES)
    assert deployment.changes == []

    pressed: list[Send] = []
    for room in rooms:
        for asked in room.answers:
            button = next(part for part in asked.controls if "confirm" in part["action_id"])
            payload = slack.payloads.pressed(room, asked, slack.user("alice"), button, {})
            pressed.append(partial(slack.deliver, "interactive", payload))
    await storm(pressed)
    await deployment.until(lambda: not any(item.buttons for room in rooms for item in room.answers))
    await deployment.passes(10)
    assert counted(deployment.changes) == {"reboot": MESSAGES}
    assert all("Rebooting" in item.text for room in rooms for item in room.answers)
    assert sum(len(room.answers) for room in rooms) == MESSAGES
    assert (slack.ephemeral, slack.rejected) == ([], [])


def _said(deployment: Deployment, channel: str, text: str) -> Any:
    """Let alice post a message without delivering its event."""
    slack = deployment.slack
    sent = Message(id=slack.number(), channel=channel, author="alice")
    sent.fallback = f"<@{slack.app.user}> {text}"
    slack.channel(channel).posted.append(sent)
    return sent


async def test_a_storm_of_redeliveries_from_teams(deployment: Deployment) -> None:
    teams = deployment.teams
    alice = teams.user("alice")
    rooms = [teams.conversation(f"room-{number}") for number in range(4)]
    sent: list[Send] = []
    for number in range(MESSAGES):
        chat = rooms[number % 4]
        chat.members.setdefault("alice", alice)
        text = f"reboot web-server-0{number % 2 + 1}"
        words = teams.of("alice", chat).message(text, None, mention=True)
        id_ = words["id"]
        chat.posted.append(TeamsMessage(id=id_, author="alice", activity=words, thread=id_))
        sent.append(partial(teams.send, words))
    await storm(sent)
    await deployment.until(lambda: sum(len(room.answers) for room in rooms) == MESSAGES)
    assert deployment.changes == []

    pressed: list[Send] = []
    for room in rooms:
        for asked in room.answers:
            invoke = teams.of("alice", room).invoke(asked, "confirm", {})
            pressed.append(partial(teams.send, invoke))
    await storm(pressed)
    await deployment.until(lambda: not any(item.buttons for room in rooms for item in room.answers))
    await deployment.passes(10)
    assert counted(deployment.changes) == {"reboot": MESSAGES}
    assert all("Rebooting" in item.text for room in rooms for item in room.answers)
    assert sum(len(room.answers) for room in rooms) == MESSAGES
    assert teams.rejected == []

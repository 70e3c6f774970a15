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

    with anyio.fail_after(60):  # a refused event is sent again after time that does not pass
        async with anyio.create_task_group() as group:
            for send in flood:
                group.start_soon(sent, send)


def counted(changes: list[Mapping[str, Any]]) -> Counter[str]:
    return Counter(str(change["what"]) for change in changes)


class SlackStorm:
    """The events of messages and presses in four rooms of Slack, each to be sent again."""

    def __init__(self, deployment: Deployment) -> None:
        self.platform = self.slack = deployment.slack
        self.slack.subscriptions.add("message.channels")  # each mention comes as two events
        self.rooms = [self.slack.channel(f"room-{number}") for number in range(4)]

    def says(self, room: Any, text: str) -> list[Send]:
        room.members.setdefault("alice", self.slack.user("alice"))
        sent = Message(id=self.slack.number(), channel=room.id, author="alice")
        sent.fallback = f"<@{self.slack.app.user}> {text}"
        room.posted.append(sent)
        return [partial(self.slack.deliver, "events_api", it) for it in self.slack.events(sent)]

    def confirms(self, room: Any, asked: Any) -> Send:
        button = next(part for part in asked.controls if "confirm" in part["action_id"])
        alice = self.slack.user("alice")
        payload = self.slack.payloads.pressed(room, asked, alice, button, {})
        return partial(self.slack.deliver, "interactive", payload)


class TeamsStorm:
    """The activities of messages and presses in four channels of Teams, each to be sent again."""

    def __init__(self, deployment: Deployment) -> None:
        self.platform = self.teams = deployment.teams
        self.rooms = [self.teams.conversation(f"room-{number}") for number in range(4)]

    def says(self, room: Any, text: str) -> list[Send]:
        sent = self.teams.of("alice", room).message(text, None, mention=True)
        id_ = sent["id"]
        room.posted.append(TeamsMessage(id=id_, author="alice", activity=sent, thread=id_))
        return [partial(self.teams.send, sent)]

    def confirms(self, room: Any, asked: Any) -> Send:
        invoke = self.teams.of("alice", room).invoke(asked, "confirm", {})
        return partial(self.teams.send, invoke)


@pytest.mark.parametrize("made", [SlackStorm, TeamsStorm])
async def test_a_storm_of_redeliveries(deployment: Deployment, made: Any) -> None:
    source = made(deployment)
    rooms, sent = source.rooms, []
    for number in range(MESSAGES):
        sent += source.says(rooms[number % 4], f"reboot web-server-0{number % 2 + 1}")
    await storm(sent)
    await deployment.until(lambda: sum(len(room.answers) for room in rooms) == MESSAGES)
    assert deployment.changes == []

    await storm([source.confirms(room, asked) for room in rooms for asked in room.answers])
    await deployment.until(lambda: not any(item.buttons for room in rooms for item in room.answers))
    await deployment.passes(10)
    assert counted(deployment.changes) == {"reboot": MESSAGES}
    assert all("Rebooting" in item.text for room in rooms for item in room.answers)
    assert sum(len(room.answers) for room in rooms) == MESSAGES
    assert source.platform.rejected == deployment.slack.ephemeral == []

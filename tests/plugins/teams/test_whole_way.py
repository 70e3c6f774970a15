"""From an activity through the gate to a card: asked, confirmed, done once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

import smartops_teams
from adaptive import loaded, shown
from smartops import Call, Command, Plan, command, hookimpl
from smartops.channels import Receipt, Response
from smartops.testing import Bot
from teams_acts import ALICE, TENANT, Issuers, activity, in_channel, pressed

pytestmark = pytest.mark.anyio

BOB = "dddddddd-5555-4666-8777-888888888888"


class Lamps:
    """A plugin with one command that changes the world, which can be counted."""

    def __init__(self) -> None:
        self.switched: list[str] = []

    @hookimpl
    def register_commands(self) -> Sequence[Command]:
        @command("switch {lamp}", effect="change")
        async def switch(call: Call, lamp: str) -> str:
            """Switch a lamp."""
            self.switched.append(lamp)
            return f"{lamp} is on."

        @switch.plan
        async def plan(lamp: str) -> Plan:
            return Plan(f"Switch {lamp}")

        return [switch]


@dataclass
class Teams:
    """Teams with a SmartOps behind it."""

    service: Issuers
    bot: Bot
    lamps: Lamps = field(default_factory=Lamps)

    async def post(self, said: dict[str, Any]) -> tuple[Receipt, Response]:
        app = await self.bot.app()
        (channel,) = app.channels
        inbound = self.service.inbound(said)
        assert channel.recognises(inbound)
        receipt = channel.read(inbound, await channel.authenticate(inbound))
        if not receipt.waits:
            return receipt, receipt.ack
        replies = [await app.handle(message) for message in receipt.messages]
        return receipt, channel.respond(receipt.messages, replies)

    async def say(self, said: dict[str, Any]) -> dict[str, Any]:
        """Say something that expects replies, and return the card of the one that comes."""
        _, response = await self.post({**said, "deliveryMode": "expectReplies"})
        assert response.status == 200
        (answer,) = json.loads(response.body)["activities"]
        return loaded(json.dumps(answer["attachments"][0]["content"]))

    async def press(self, card: dict[str, Any], verb: str, **changes: Any) -> Any:
        """Press a button of a card, and return the body of the answer."""
        data = next(item["data"] for item in card["actions"] if item["verb"] == verb)
        _, response = await self.post(pressed(data, **changes))
        assert response.status == 200
        return json.loads(response.body)


@pytest.fixture
async def teams(bot: Bot) -> AsyncIterator[Teams]:
    async with Issuers.start(bot.clock) as service:
        teams = Teams(service, bot)
        bot.settings = {
            **bot.settings,
            "people": {
                "alice": {"roles": ["operator"], "identities": [f"teams:{TENANT}:{ALICE}"]},
                "bob": {"roles": ["operator"], "identities": [f"teams:{TENANT}:{BOB}"]},
            },
        }
        bot.load(smartops_teams, name="teams", **service.settings)
        bot.load(teams.lamps, name="lamps")
        yield teams
        await bot.aclose()


def in_thread(**changes: Any) -> dict[str, Any]:
    where = in_channel("help")
    return {name: where[name] for name in ("conversation", "channelData")} | changes


def person(object_id: str) -> dict[str, Any]:
    return {"from": {"id": f"29:{object_id}", "name": "Somebody", "aadObjectId": object_id}}


async def test_a_change_is_asked_about_and_done_once(teams: Teams) -> None:
    asked = await teams.say(in_channel("switch kitchen"))
    assert "Switch kitchen" in " ".join(shown(asked))
    assert [item["title"] for item in asked["actions"]] == ["Yes, proceed", "Cancel"]
    assert teams.lamps.switched == []

    first = in_thread(id="f:1")
    done = await teams.press(asked, "confirm", **first)
    assert "kitchen is on." in shown(loaded(json.dumps(done["value"])))
    assert "actions" not in done["value"]
    assert await teams.press(asked, "confirm", **first) == done  # Teams sends it again
    again = await teams.press(asked, "confirm", **in_thread(id="f:2"))  # pressed again
    assert "confirmed already" in again["value"]  # beside the card, which Teams has changed
    assert teams.lamps.switched == ["kitchen"]


async def test_a_change_is_cancelled(teams: Teams) -> None:
    asked = await teams.say(in_channel("switch kitchen"))
    answer = await teams.press(asked, "cancel", **in_thread())
    assert "Nothing was changed." in shown(loaded(json.dumps(answer["value"])))
    await teams.press(asked, "confirm", **in_thread())
    assert teams.lamps.switched == []


async def test_a_confirmation_works_from_an_old_client_too(teams: Teams) -> None:
    asked = await teams.say(activity(text="switch hall"))
    data = asked["actions"][0]["fallback"]["data"]
    done = await teams.say(activity(text=None, value=data))
    assert "hall is on." in shown(done)
    assert teams.lamps.switched == ["hall"]


async def test_nobody_else_confirms(teams: Teams) -> None:
    asked = await teams.say(in_channel("switch kitchen"))
    await teams.press(asked, "confirm", **in_thread(**person(BOB)))
    stranger = await teams.press(asked, "confirm", **in_thread(**person("nobody")))
    assert stranger["type"] == "application/vnd.microsoft.activity.message"
    assert f"teams:{TENANT}:nobody" in stranger["value"]
    assert teams.lamps.switched == []


async def test_too_many_requests_are_told_so_in_a_card(teams: Teams) -> None:
    limits = teams.bot.settings["limits"]
    user = {"user": {"limit": 2, "window": timedelta(minutes=1)}}
    teams.bot.settings = {**teams.bot.settings, "limits": {**limits, **user}}
    asked = await teams.say(activity(text="switch kitchen"))
    await teams.say(activity(text="help"))
    refused = await teams.say(activity(text="help"))
    assert shown(refused)[0] == "Too many requests"
    pressed_too_soon = await teams.press(asked, "confirm")
    assert pressed_too_soon["type"] == "application/vnd.microsoft.activity.message"
    assert "Too many requests" in pressed_too_soon["value"]
    teams.bot.clock.advance(120)
    await teams.press(asked, "confirm")
    assert teams.lamps.switched == ["kitchen"]


async def test_an_edited_message_runs_nothing(teams: Teams) -> None:
    said = in_channel("switch kitchen")
    await teams.say(said)
    edited = {**in_channel("switch hall"), "id": said["id"], "type": "messageUpdate"}
    receipt, response = await teams.post(edited)
    assert not receipt.messages
    assert (response.status, response.body) == (200, b"")

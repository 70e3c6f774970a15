"""From what somebody does in Slack through the gate and back: asked, confirmed, done once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

import anyio
import pytest

import smartops_slack
from slack_acts import (
    ALICE,
    APP_TOKEN,
    BOB,
    BOT_TOKEN,
    CHANNEL,
    SECRET,
    STRANGER,
    TEAM,
    TS,
    Signer,
    Slack,
    buttons,
    mention,
    pressed,
    slash,
    submitted,
    texts,
)
from smartops import Call, Command, Plan, Secret, Work, command, hookimpl
from smartops.channels import Channel
from smartops.testing import Bot

pytestmark = pytest.mark.anyio


class Lamps:
    """A plugin with commands that change the world, which can be counted."""

    def __init__(self) -> None:
        self.switched: list[str] = []
        self.warming = False
        self.warm = anyio.Event()

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

        @command("dim {lamp} {level}")
        async def dim(call: Call, lamp: str, level: Literal["low", "high"]) -> str:
            """Say how a lamp would be dimmed."""
            return f"{lamp} would be {level}."

        @command("warm up")
        async def warm_up(work: Work) -> str:
            """Warm all lamps up, which takes long."""
            await work.progress("warming", done=1, total=2)
            self.warming = True
            await self.warm.wait()
            return "All lamps are warm."

        return [switch, dim, warm_up]


@dataclass
class Served:
    """Slack with a SmartOps behind it."""

    server: Slack
    bot: Bot
    signer: Signer
    lamps: Lamps = field(default_factory=Lamps)

    async def does(self, payload: Any) -> None:
        """Let somebody do something; it is acknowledged when this returns."""
        payload = self.server.live(payload)
        if payload.get("type") in ("block_actions", "view_submission"):
            inbound = self.signer.interaction(payload)
        else:
            inbound = (
                self.signer.form(payload) if "command" in payload else self.signer.event(payload)
            )
        app = await self.bot.app()
        channel: Channel = app.channels[0]
        assert channel.recognises(inbound)
        receipt = channel.read(inbound, await channel.authenticate(inbound))
        assert receipt.ack.status == 200
        await app.accept(channel, receipt.messages)

    async def shows(self, text: str) -> dict[str, Any]:
        """Wait until a message of ours says something, and return it."""
        server = self.server

        def found() -> list[dict[str, Any]]:
            return [item for item in server.messages.values() if text in texts(item["blocks"])]

        await server.until(found)
        self.bot.clock.advance(1)  # one message a second goes to a channel
        return found()[0]

    async def press(self, message: dict[str, Any], kind: str, **changes: Any) -> dict[str, Any]:
        """Press a button of a message, and return what was sent for it."""
        button = next(item for item in buttons(message) if f".{kind}." in item["action_id"])
        sent = self.server.live(pressed(button, message, **changes))
        await self.does(sent)
        return sent


@pytest.fixture
async def slack(bot: Bot) -> AsyncIterator[Served]:
    async with Slack.start(clock=bot.clock) as server:
        slack = Served(server, bot, Signer(bot.clock))
        bot.settings = {
            **bot.settings,
            "people": {
                "alice": {"roles": ["operator"], "identities": [f"slack:{TEAM}:{ALICE}"]},
                "bob": {"roles": ["operator"], "identities": [f"slack:{TEAM}:{BOB}"]},
            },
            "confirmation": {"expires": timedelta(minutes=15)},
        }
        bot.load(
            smartops_slack,
            name="slack",
            bot_token=Secret(BOT_TOKEN),
            signing_secret=Secret(SECRET),
            app_token=Secret(APP_TOKEN),
            workspaces=[TEAM],
            api_url=server.api_url,
        )
        bot.load(slack.lamps, name="lamps")
        yield slack
        await bot.aclose()


def somebody(user: str) -> dict[str, Any]:
    return {"user": {"id": user, "username": "somebody", "team_id": TEAM}}


async def test_a_change_is_asked_about_in_the_thread_and_done_once(slack: Served) -> None:
    await slack.does(mention("switch kitchen"))
    asked = await slack.shows("Switch kitchen")
    assert asked["thread_ts"] == TS
    assert [item["text"]["text"] for item in buttons(asked)] == ["Yes, proceed", "Cancel"]
    assert slack.lamps.switched == []

    click = await slack.press(asked, "confirm")
    done = await slack.shows("kitchen is on.")
    assert done["ts"] == asked["ts"]
    assert not buttons(done)
    assert len(slack.server.messages) == 1

    await slack.does(click)  # sent again
    await slack.press(asked, "confirm")  # pressed again, in a window that was not refreshed
    await slack.server.until(lambda: slack.server.whispers)
    assert "confirmed already" in texts(slack.server.whispers[0]["blocks"])
    assert slack.lamps.switched == ["kitchen"]


async def test_a_change_is_cancelled(slack: Served) -> None:
    await slack.does(mention("switch kitchen"))
    asked = await slack.shows("Switch kitchen")
    await slack.press(asked, "cancel")
    done = await slack.shows("Nothing was changed.")
    assert done["ts"] == asked["ts"]
    assert not buttons(done)
    assert slack.lamps.switched == []


@pytest.mark.parametrize("user", [BOB, STRANGER])
async def test_somebody_elses_click_does_nothing_and_says_so_to_them(
    slack: Served, user: str
) -> None:
    await slack.does(mention("switch kitchen"))
    asked = await slack.shows("Switch kitchen")
    await slack.press(asked, "confirm", **somebody(user))
    await slack.server.until(lambda: slack.server.whispers)
    assert slack.server.whispers[0]["user"] == user
    assert len(buttons(slack.server.message(asked["ts"]))) == 2
    assert slack.lamps.switched == []
    await slack.press(asked, "confirm")
    await slack.shows("kitchen is on.")
    assert slack.lamps.switched == ["kitchen"]


async def test_a_click_after_the_time_is_over_closes_the_question(slack: Served) -> None:
    await slack.does(mention("switch kitchen"))
    asked = await slack.shows("Switch kitchen")
    slack.bot.clock.advance(16 * 60)
    await slack.press(asked, "confirm")
    closed = await slack.shows("expired")
    assert closed["ts"] == asked["ts"]
    assert not buttons(closed)
    assert slack.lamps.switched == []


async def test_a_click_after_a_restart_works(slack: Served) -> None:
    await slack.does(mention("switch kitchen"))
    asked = await slack.shows("Switch kitchen")
    await slack.bot.aclose()
    await slack.press(asked, "confirm")
    done = await slack.shows("kitchen is on.")
    assert done["ts"] == asked["ts"]
    assert slack.lamps.switched == ["kitchen"]


async def test_a_storm_of_redeliveries_has_one_effect_and_one_answer(slack: Served) -> None:
    twin = mention("dim kitchen low", type="message", channel_type="channel")
    await slack.bot.app()
    async with anyio.create_task_group() as group:
        for payload in (mention("dim kitchen low"), twin) * 3:
            group.start_soon(slack.does, payload)
    await slack.shows("kitchen would be low.")
    await slack.does(mention("dim kitchen high", ts="1700000002.1"))
    await slack.shows("kitchen would be high.")
    assert len(slack.server.messages) == 2


async def test_an_unknown_person_is_told_their_identity_alone(slack: Served) -> None:
    await slack.does(mention("switch kitchen", user=STRANGER))
    await slack.server.until(lambda: slack.server.whispers)
    (whisper,) = slack.server.whispers
    assert whisper["user"] == STRANGER
    assert f"slack:{TEAM}:{STRANGER}" in texts(whisper["blocks"])
    assert slack.server.messages == {}


async def test_missing_arguments_are_asked_for_in_a_dialog(slack: Served) -> None:
    await slack.does(slash("dim"))
    await slack.server.until(lambda: slack.server.dialogs)
    view = slack.server.dialogs[0].view
    values = {
        "smartops.field.lamp": {"smartops.value": {"value": "kitchen"}},
        "smartops.field.level": {"smartops.value": {"selected_option": {"value": "low"}}},
    }
    await slack.does(submitted(view, values))
    done = await slack.shows("kitchen would be low.")
    assert done["channel"] == CHANNEL
    assert "/smartops dim" in texts(done["blocks"])
    await slack.does(submitted(view, values))  # submitted again, it is one act
    await slack.does(mention("dim hall high", ts="1700000003.1"))
    await slack.shows("hall would be high.")
    assert len(slack.server.messages) == 2


async def test_missing_arguments_are_asked_for_in_the_thread(slack: Served) -> None:
    await slack.does(mention("switch"))
    form = await slack.shows("switch")
    (button,) = buttons(form)
    values = {"smartops.field.lamp": {"smartops.value": {"value": "hall"}}}
    await slack.does(pressed(button, form, state={"values": values}))
    asked = await slack.shows("Switch hall")
    assert asked["ts"] == form["ts"]
    assert not [block for block in asked["blocks"] if block["type"] == "input"]
    await slack.press(asked, "confirm")
    await slack.shows("hall is on.")
    assert slack.lamps.switched == ["hall"]


async def test_long_work_is_one_message_that_is_edited(slack: Served) -> None:
    await slack.does(mention("warm up"))
    await slack.server.until(lambda: slack.lamps.warming)
    slack.bot.clock.advance(2)
    working = await slack.shows("warming (1 of 2)")
    slack.lamps.warm.set()
    done = await slack.shows("All lamps are warm.")
    assert done["ts"] == working["ts"]
    assert len(slack.server.messages) == 1


async def test_a_message_over_the_socket_is_answered(slack: Served) -> None:
    app = await slack.bot.app()
    async with app.serving():
        await slack.server.until(lambda: slack.server.sockets.open)
        said = slack.server.live(mention("dim kitchen low"))
        await slack.server.sockets.push("events_api", said, "e1")
        done = await slack.shows("kitchen would be low.")
        assert done["thread_ts"] == TS
        assert slack.server.sockets.frames == [{"envelope_id": "e1"}]


async def test_help_is_for_the_one_who_asked(slack: Served) -> None:
    await slack.does(slash("help"))
    await slack.server.until(lambda: slack.server.responses)
    assert slack.server.responses[0]["response_type"] == "ephemeral"
    assert "switch" in json.dumps(slack.server.responses[0]["blocks"])
    await slack.does(mention("help"))
    await slack.server.until(lambda: slack.server.whispers)
    assert slack.server.whispers[0]["user"] == ALICE
    assert slack.server.messages == {}

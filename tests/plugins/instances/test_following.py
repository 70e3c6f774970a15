"""A start or a stop is followed to its end, through the whole gate."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest

import smartops_fake
import smartops_instances
from smartops.testing import Bot, BotReply

pytestmark = pytest.mark.anyio

FLEET = [
    {"name": "web"},
    {"name": "db"},
    {"name": "off", "state": "stopped"},
    {"name": "ill", "state": "stopped", "falls_back": "Server.InternalError: no key"},
]


def load(bot: Bot, *, follow: str = "3m", faults: object = (), **transitions: str) -> Bot:
    times = {"stop": "41s", "start": "6s", **transitions}
    bot.load(smartops_fake, fleet=FLEET, transitions=times, faults=faults)
    bot.load(smartops_instances, follow=follow)
    return bot


async def confirmed(bot: Bot, text: str) -> BotReply:
    """Confirm a command while the clock runs."""
    async with bot.clock.running(0.25, 0.002):
        return await bot.confirm(text)


async def test_a_stop_is_followed_until_the_instance_is_stopped(bot: Bot) -> None:
    reply = await confirmed(load(bot), "stop web")
    assert reply.status == "success"
    ((before, after),) = [(item["before"], item["after"]) for item in reply.data["instances"]]
    assert (before, after) == ("running", "stopped")
    (seconds,) = [word for word in reply.text.split() if word.isdigit()]
    assert reply.text.endswith(f"is stopped after {seconds} s.")
    assert 41 <= int(seconds) <= 47


async def test_several_instances_are_followed_together(bot: Bot) -> None:
    reply = await confirmed(load(bot), "stop web,db,off")
    assert "2 instances are stopped after" in reply.text
    assert "off was already stopped." in reply.text


async def test_a_start_that_falls_back_is_an_error_with_the_state_reason(bot: Bot) -> None:
    reply = await confirmed(load(bot), "start ill")
    assert reply.code == "BACKEND_UNAVAILABLE"
    assert "ill did not start" in reply.text
    assert "Server.InternalError: no key" in reply.text
    (operation,) = (await bot.say("operations")).data["operations"]
    assert operation["state"] == "failed"


async def test_an_instance_that_started_beside_one_that_fell_back_is_reported(bot: Bot) -> None:
    reply = await confirmed(load(bot), "start ill,off")
    assert "ill did not start" in reply.text
    assert "The start of the 1 others was accepted" in reply.text
    assert (await bot.say("show off")).data["state"] == "running"


async def test_what_takes_longer_than_the_limit_is_reported_as_under_way(bot: Bot) -> None:
    reply = await confirmed(load(bot, follow="20s"), "stop web")
    assert reply.status == "success"
    assert reply.data["instances"][0]["after"] == "stopping"
    assert "Still under way when this was written: web." in reply.text


async def test_a_failed_look_does_not_end_the_following(bot: Bot) -> None:
    failed = {"operation": "list", "code": "BACKEND_UNAVAILABLE", "message": "away", "times": 9}
    load(bot, faults=[{**failed, "instance": "web"}])
    reply = await confirmed(bot, "stop web")
    assert "is stopped after" in reply.text


async def test_a_stop_is_made_once_and_followed_after_a_restart(bot: Bot) -> None:
    state = bot.folder / "cloud.json"
    bot.load(smartops_fake, fleet=FLEET, transitions={"stop": "41s"}, state_file=state)
    bot.load(smartops_instances)
    asked = await bot.say("stop web")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bot.press, asked.action("confirm"))
        with anyio.fail_after(20):
            while not stops(state):
                await anyio.sleep(0.01)
        while not bot.clock.sleepers:
            await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()  # like a shutdown
    await bot.aclose()
    app = await bot.app()
    with anyio.fail_after(20):
        while (operation := (await app.store.operations())[0]).state == "running":
            bot.clock.advance(5)
            await anyio.sleep(0.01)
    assert operation.state == "done"
    assert b"is stopped after" in operation.answer
    assert stops(state) == 1


def stops(state: Path) -> int:
    saved = json.loads(state.read_text()) if state.exists() else {"changes": []}
    return [change["what"] for change in saved["changes"]].count("stop")

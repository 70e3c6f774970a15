"""A script that runs during a restart of SmartOps is sent once, and its result arrives."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest

import smartops_exec
import smartops_fake
from smartops.testing import Bot

pytestmark = pytest.mark.anyio


async def test_a_run_on_many_instances_is_resumed_after_a_restart(bot: Bot) -> None:
    state = bot.folder / "cloud.json"
    bot.load(
        smartops_fake,
        fleet=[{"name": f"web-{number:02}", "tags": {"Role": "web"}} for number in range(20)],
        scripts=[{"pattern": "sleep 60", "seconds": 60, "output": "rested"}],
        state_file=state,
    )
    bot.load(smartops_exec, scripts=[{"script": "sleep 60", "read_only": True}])
    app = await bot.app()
    replies = []

    async def say() -> None:
        replies.append(await bot.say("execute 'sleep 60' on tag:Role=web --timeout 5m", id="m-1"))

    async with anyio.create_task_group() as group:
        group.start_soon(say)
        with anyio.fail_after(20):
            await sent(state)
        (running,) = await app.store.operations()
        assert (running.state, running.resumable) == ("running", True)
        group.cancel_scope.cancel()  # like a shutdown
    await bot.aclose()
    assert replies == []

    app = await bot.app()
    with anyio.fail_after(20):
        while (operation := (await app.store.operations())[0]).state == "running":
            bot.clock.advance(5)
            await anyio.sleep(0.01)
    assert operation.state == "done"
    answer = await bot.say("execute 'sleep 60' on tag:Role=web --timeout 5m", id="m-1")
    assert answer.data["summary"]["success"] == 20
    assert answer.text.count("rested") == 1  # twenty instances with equal output
    assert sends(state) == 1


async def sent(state: Path) -> None:
    """Wait until the fake cloud has stored the run."""
    while not sends(state):
        await anyio.sleep(0.01)


def sends(state: Path) -> int:
    saved = json.loads(state.read_text()) if state.exists() else {"changes": []}
    return [change["what"] for change in saved["changes"]].count("send")

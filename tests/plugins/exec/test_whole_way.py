"""The commands through the whole gate, with the fake cloud."""

from __future__ import annotations

import anyio
import pytest

import smartops_exec
import smartops_fake
from smartops.testing import Bot

pytestmark = pytest.mark.anyio
SCRIPTS = [
    {"script": "df -h", "read_only": True},
    {"template": "systemctl status {unit}", "read_only": True},
]


@pytest.fixture
async def fleet_bot(bot: Bot) -> Bot:
    bot.load(
        smartops_fake,
        fleet=[
            {"id": "i-0abc123def", "name": "web-server-01"},
            {"name": "web-server-02", "tags": {"Role": "web"}},
            {"name": "deaf", "agent": "offline", "tags": {"Role": "web"}},
        ],
    )
    bot.load(smartops_exec, scripts=SCRIPTS)
    await bot.app()
    return bot


async def say(bot: Bot, text: str):
    """Send a message while the clock runs."""
    async with bot.clock.running(0.25):
        return await bot.say(text)


async def test_a_read_only_script_runs_without_confirmation(fleet_bot):
    answer = await say(fleet_bot, 'execute "df -h" on web-server-01')
    assert answer.status == "success"
    assert answer.data["command"] == "df -h"
    assert answer.data["instanceId"] == "i-0abc123def"
    assert answer.data["exitCode"] == 0
    assert "Filesystem" in answer.data["output"]
    assert isinstance(answer.data["executionTime"], float)
    assert isinstance(answer.data["commandId"], str)
    assert (await say(fleet_bot, "run df -h on i-0abc123def")).data["exitCode"] == 0


async def test_a_read_only_script_sent_five_times_at_once_runs_once(fleet_bot):
    answers = []

    async def send() -> None:
        answers.append(await fleet_bot.say('execute "df -h" on web-server-01', id="same"))

    async with fleet_bot.clock.running(0.25), anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(send)
    assert [answer.status for answer in answers] == ["success"] * 5
    assert len({answer.data["commandId"] for answer in answers}) == 1
    (operation,) = await (await fleet_bot.app()).store.operations()
    assert operation.state == "done"


@pytest.mark.parametrize(
    "text",
    [
        'execute "df -h; reboot" on web-server-01',
        "execute df -h; reboot on web-server-01",
        "execute 'systemctl status nginx$(reboot)' on web-server-01",
        "execute systemctl status `reboot` on web-server-01",
        'execute "systemctl status nginx\nreboot" on web-server-01',
        "execute rm -rf / on web-server-01",
    ],
)
async def test_an_unlisted_script_is_refused(fleet_bot, text):
    answer = await fleet_bot.say(text)
    assert answer.code == "PERMISSION_DENIED"
    assert "This script is not allowed" in answer.text


async def test_an_unreachable_instance_is_an_error(fleet_bot):
    assert (await say(fleet_bot, "execute df -h on deaf")).code == "SSM_UNAVAILABLE"
    both = await say(fleet_bot, "execute df -h on tag:Role=web")
    assert both.data["summary"]["unreachable"] == 1
    assert both.data["summary"]["success"] == 1

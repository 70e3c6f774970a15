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
    {"template": "systemctl status {unit}", "read_only": True, "platforms": ["linux"]},
    {"script": "systemctl restart nginx"},
    {"script": "sleep 300", "read_only": True},
]


@pytest.fixture
async def fleet_bot(bot: Bot) -> Bot:
    bot.load(
        smartops_fake,
        fleet=[
            {"id": "i-0abc123def", "name": "web-server-01"},
            {"name": "web-server-02", "tags": {"Role": "web"}},
            {"name": "deaf", "agent": "offline", "tags": {"Role": "web"}},
            {"name": "win-01", "platform": "windows"},
        ],
        scripts=[{"pattern": "sleep 300", "seconds": 300}],
    )
    bot.load(smartops_exec, scripts=SCRIPTS)
    await bot.app()
    return bot


async def say(bot: Bot, text: str):
    """Send a message while advancing the clock."""

    async def pass_time() -> None:
        while True:
            await anyio.sleep(0.001)
            bot.clock.advance(0.25)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pass_time)
        answer = await bot.say(text)
        tasks.cancel_scope.cancel()
    return answer


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

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(send)
        while len(answers) < 5:
            await anyio.sleep(0.001)
            fleet_bot.clock.advance(0.25)
    assert [answer.status for answer in answers] == ["success"] * 5
    assert len({answer.data["commandId"] for answer in answers}) == 1
    (operation,) = await (await fleet_bot.app()).store.operations()
    assert operation.state == "done"


async def test_a_changing_script_needs_confirmation(fleet_bot):
    asked = await fleet_bot.say('execute "systemctl restart nginx" on web-server-01')
    assert asked.status == "pending"
    assert "systemctl restart nginx" in asked.text


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


async def test_a_script_for_another_platform_is_refused(fleet_bot):
    answer = await fleet_bot.say("execute systemctl status nginx on win-01,web-server-01")
    assert answer.code == "VALIDATION_ERROR"
    assert "win-01 is windows" in answer.text


async def test_an_unreachable_instance_is_an_error(fleet_bot):
    assert (await say(fleet_bot, "execute df -h on deaf")).code == "SSM_UNAVAILABLE"
    both = await say(fleet_bot, "execute df -h on tag:Role=web")
    assert both.data["summary"]["unreachable"] == 1
    assert both.data["summary"]["success"] == 1

"""What only Slack has: a slash command, dialogs, Socket Mode, and events that come again."""

from __future__ import annotations

import anyio
import pytest

from chat_house import House
from smartops_simulators.slack import SlackSimulator as Slack

pytestmark = pytest.mark.anyio


@pytest.fixture
async def slack(house: House) -> Slack:
    return house.slack


@pytest.fixture
async def by_socket(closed_house: House) -> House:
    """The app has no public address: it connects to Slack."""
    house = closed_house
    house.socket_mode = True
    await house.start()
    house.slack.bot = ""
    await house.until(lambda: house.slack.sockets.open)
    return house


async def test_the_slash_command_is_answered_where_it_was_typed(house: House, slack: Slack) -> None:
    delivered = await slack.slash("list instances", channel="ops")
    assert delivered.taken
    assert delivered.body == b""
    await house.until(lambda: slack.channel("ops").answers)
    (answer,) = slack.channel("ops").answers
    assert "asked: /smartops list instances" in answer.text
    assert "web-server-01" in answer.text


async def test_the_slash_command_works_where_the_bot_is_no_member(
    house: House, slack: Slack
) -> None:
    slack.channel("secret").bot_is_in = False
    await slack.slash("reboot web-server-01", channel="secret")
    await house.until(lambda: slack.channel("secret").answers)
    (asked,) = slack.channel("secret").answers
    await slack.clicks(asked, "confirm")
    await house.until(lambda: not asked.buttons)
    assert "Rebooting web-server-01" in asked.text
    assert len(house.changes) == 1


async def test_missing_arguments_are_asked_for_in_a_dialog(house: House, slack: Slack) -> None:
    await slack.slash("reboot", channel="ops")
    await house.until(lambda: slack.dialogs)
    (dialog,) = slack.dialogs
    with pytest.raises(ValueError, match="needed"):
        await slack.submits(dialog, {})
    await slack.submits(dialog, {"targets": "web-server-01"})
    assert not dialog.open
    await house.until(lambda: slack.channel("ops").answers)
    assert "Confirmation required" in slack.channel("ops").answers[-1].text


async def test_missing_arguments_are_asked_for_in_the_thread(house: House, slack: Slack) -> None:
    said = await slack.says("reboot", channel="ops")
    await house.until(lambda: slack.channel("ops").answers)
    (asked,) = slack.channel("ops").answers
    assert asked.thread == said.ts
    await slack.clicks(asked, "Continue", inputs={"targets": "web-server-01"})
    await house.until(lambda: "Confirmation required" in asked.text)
    await slack.clicks(asked, "confirm")
    await house.until(lambda: not asked.buttons)
    assert len(house.changes) == 1


async def test_a_message_that_was_not_taken_comes_again(house: House, slack: Slack) -> None:
    bot, slack.bot = slack.bot, f"{slack.url}/nowhere"
    async with anyio.create_task_group() as group:

        async def say() -> None:
            await slack.says("list instances")

        group.start_soon(say)
        await house.until(lambda: slack.attempts == 2)
        slack.bot = bot
        await house.until(lambda: slack.channel("@alice").answers, step=0.5)
    await house.passes(5)
    assert slack.attempts >= 3
    assert len(slack.channel("@alice").answers) == 1


async def test_the_whole_path_by_socket_mode(by_socket: House) -> None:
    house, slack = by_socket, by_socket.slack
    said = await slack.says("reboot web-server-01", channel="ops")
    await house.until(lambda: slack.channel("ops").answers)
    (asked,) = slack.channel("ops").answers
    assert asked.thread == said.ts
    await slack.clicks(asked, "confirm")
    await house.until(lambda: not asked.buttons)
    assert len(house.changes) == 1
    assert slack.attempts == 0


async def test_a_connection_that_slack_ends_is_replaced(by_socket: House) -> None:
    house, slack = by_socket, by_socket.slack
    for reason in ("warning", "refresh_requested"):
        await slack.sockets.disconnect(reason)
        house.clock.advance(60)  # one connection a minute may be opened
        await house.until(lambda: slack.sockets.open)
        await slack.slash("whoami")
    await house.until(lambda: len(slack.channel("@alice").answers) == 2)


async def test_slack_is_away_for_a_while(house: House, slack: Slack) -> None:
    slack.fail(method="chat.postMessage", error="service_unavailable", times=2)
    slack.fail(method="chat.postMessage", retry_after=7)
    await slack.says("reboot web-server-01", channel="ops")
    await house.until(lambda: slack.channel("ops").answers)
    (asked,) = slack.channel("ops").answers
    slack.fail(method="chat.update", status=502, done=True)
    await slack.clicks(asked, "confirm")
    await house.until(lambda: asked.edits == 2)
    assert "Rebooting" in asked.text
    assert len(house.changes) == len(slack.channel("ops").answers) == 1


async def test_an_answer_that_may_have_arrived_is_not_sent_again(
    house: House, slack: Slack
) -> None:
    slack.fail(method="chat.postMessage", status=500, done=True)
    await slack.says("list instances", channel="ops")
    await house.passes(700)
    assert len(slack.channel("ops").answers) == 1

"""Features of Slack only: the slash command, dialogs, Socket Mode, and redelivered events."""

from __future__ import annotations

import anyio
import pytest
from sqlalchemy import select

from chat_deployment import Deployment
from smartops.store.tables import metadata
from smartops_simulators.slack import SlackSimulator as Slack

pytestmark = pytest.mark.anyio


@pytest.fixture
async def slack(deployment: Deployment) -> Slack:
    return deployment.slack


@pytest.fixture
async def by_socket(stopped_deployment: Deployment) -> Deployment:
    """The app has no public address: it connects to Slack."""
    deployment = stopped_deployment
    deployment.socket_mode = True
    await deployment.start()
    deployment.slack.bot = ""
    await deployment.until(lambda: deployment.slack.sockets.open)
    return deployment


async def test_the_slash_command_is_answered_where_it_was_typed(
    deployment: Deployment, slack: Slack
) -> None:
    delivered = await slack.slash("list instances", channel="ops")
    assert delivered.taken
    assert delivered.body == b""
    await deployment.until(lambda: slack.channel("ops").answers)
    (answer,) = slack.channel("ops").answers
    assert "asked: /smartops list instances" in answer.text
    assert "web-server-01" in answer.text


async def test_help_is_shown_to_its_person_only(deployment: Deployment, slack: Slack) -> None:
    await slack.slash("help", channel="ops")
    await deployment.until(lambda: slack.channel("ops").ephemeral)
    (shown,) = slack.channel("ops").ephemeral
    assert "list instances" in shown.text
    assert not slack.channel("ops").answers


async def test_the_slash_command_works_without_membership(
    deployment: Deployment, slack: Slack
) -> None:
    slack.channel("secret").bot_is_in = False
    await slack.slash("reboot web-server-01", channel="secret")
    await deployment.until(lambda: slack.channel("secret").answers)
    (asked,) = slack.channel("secret").answers
    await slack.clicks(asked, "confirm")
    await deployment.until(lambda: not asked.buttons)
    assert "Rebooting web-server-01" in asked.text
    assert len(deployment.changes) == 1


async def test_a_dialog_asks_for_missing_arguments(deployment: Deployment, slack: Slack) -> None:
    await slack.slash("reboot", channel="ops")
    await deployment.until(lambda: slack.dialogs)
    (dialog,) = slack.dialogs
    with pytest.raises(ValueError, match="needed"):
        await slack.submits(dialog, {})
    await slack.submits(dialog, {"targets": "web-server-01"})
    assert not dialog.open
    await deployment.until(lambda: slack.channel("ops").answers)
    assert "Confirmation required" in slack.channel("ops").answers[-1].text


async def test_the_thread_asks_for_missing_arguments(deployment: Deployment, slack: Slack) -> None:
    sent = await slack.says("reboot", channel="ops")
    await deployment.until(lambda: slack.channel("ops").answers)
    (asked,) = slack.channel("ops").answers
    assert asked.thread == sent.ts
    await slack.clicks(asked, "Continue", inputs={"targets": "web-server-01"})
    await deployment.until(lambda: "Confirmation required" in asked.text)
    await slack.clicks(asked, "confirm")
    await deployment.until(lambda: not asked.buttons)
    assert len(deployment.changes) == 1


async def test_an_empty_form_opens_a_dialog_whose_answer_replaces_the_form(
    deployment: Deployment, slack: Slack
) -> None:
    await slack.says("reboot", channel="ops")
    await deployment.until(lambda: slack.channel("ops").answers)
    (asked,) = slack.channel("ops").answers
    await slack.clicks(asked, "Continue")
    await deployment.until(lambda: slack.dialogs)
    await slack.submits(slack.dialogs[0], {"targets": "web-server-01"})
    await deployment.until(lambda: "Confirmation required" in asked.text)
    assert slack.channel("ops").answers == [asked]


async def test_a_message_that_slack_sends_again_is_answered_once(
    deployment: Deployment, slack: Slack
) -> None:
    bot, slack.bot = slack.bot, f"{slack.url}/nowhere"
    async with anyio.create_task_group() as group:

        async def say() -> None:
            await slack.says("list instances")

        group.start_soon(say)
        await deployment.until(lambda: slack.attempts == 2)
        slack.bot = bot
        await deployment.until(lambda: slack.channel("@alice").answers, step=0.5)
    await deployment.passes(5)
    assert slack.attempts >= 3
    assert len(slack.channel("@alice").answers) == 1


async def test_socket_mode(by_socket: Deployment) -> None:
    deployment, slack = by_socket, by_socket.slack
    sent = await slack.says("reboot web-server-01", channel="ops")
    await deployment.until(lambda: slack.channel("ops").answers)
    (asked,) = slack.channel("ops").answers
    assert asked.thread == sent.ts
    await slack.clicks(asked, "confirm")
    await deployment.until(lambda: not asked.buttons)
    assert len(deployment.changes) == 1
    assert slack.attempts == 0


async def test_a_connection_that_slack_ends_is_replaced(by_socket: Deployment) -> None:
    deployment, slack = by_socket, by_socket.slack
    for reason in ("warning", "refresh_requested"):
        await slack.sockets.disconnect(reason)
        deployment.clock.advance(60)  # one connection a minute may be opened
        await deployment.until(lambda: slack.sockets.open)
        await slack.slash("whoami")
    await deployment.until(lambda: len(slack.channel("@alice").answers) == 2)


async def test_an_unavailable_slack_is_tried_again(deployment: Deployment, slack: Slack) -> None:
    slack.fail(method="chat.postMessage", error="service_unavailable", times=2)
    slack.fail(method="chat.postMessage", retry_after=7)
    await slack.says("reboot web-server-01", channel="ops")
    await deployment.until(lambda: slack.channel("ops").answers)
    (asked,) = slack.channel("ops").answers
    slack.fail(method="chat.update", status=502, done=True)
    await slack.clicks(asked, "confirm")
    await deployment.until(lambda: asked.edits == 2)
    assert "Rebooting" in asked.text
    assert len(deployment.changes) == len(slack.channel("ops").answers) == 1


async def test_an_answer_that_may_have_arrived_is_not_sent_again(
    deployment: Deployment, slack: Slack
) -> None:
    slack.fail(method="chat.postMessage", status=500, done=True)
    await slack.says("list instances", channel="ops")
    await deployment.passes(700)
    assert len(slack.channel("ops").answers) == 1


async def test_response_urls_are_stored_until_the_answer_is_delivered(
    deployment: Deployment, slack: Slack
) -> None:
    await slack.slash("reboot web-server-01", channel="ops")
    await deployment.until(lambda: slack.channel("ops").answers)
    (asked,) = slack.channel("ops").answers
    assert "/respond/" not in await _stored(deployment)
    await slack.clicks(asked, "confirm")
    await deployment.until(lambda: not asked.buttons)
    assert "/respond/" not in await _stored(deployment)


async def _stored(deployment: Deployment) -> str:
    """Return all rows of the store, once all answers are delivered."""
    assert deployment.app is not None
    await deployment.until(lambda: not deployment.app._delivery.keys)
    await deployment.app.store.flush()
    with deployment.app.store._database.readers.connect() as connection:
        return repr([connection.execute(select(table)).all() for table in metadata.sorted_tables])

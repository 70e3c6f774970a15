"""Socket Mode: connections, and acknowledgement of durable messages."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import anyio
import pytest
from anyio.abc import TaskGroup

from slack_payloads import APP_TOKEN, Slack, mention, slash
from smartops import Message, Secret, Services
from smartops.channels import Channel
from smartops.testing import ManualClock
from smartops_slack import SlackChannel

pytestmark = pytest.mark.anyio


class Inbox:
    """An app that accepts messages, or fails to."""

    def __init__(self, channel: SlackChannel, background: TaskGroup) -> None:
        self.channel = channel
        self.background = background
        self.failures: list[Exception] = []
        self.messages: list[Message] = []
        self.asked = 0
        self.fails = False
        self.waits: anyio.Event | None = None

    async def accept(self, channel: Channel, messages: Sequence[Message]) -> None:
        self.asked += 1
        if self.waits is not None:
            await self.waits.wait()
        if self.fails:
            raise RuntimeError("the store is unreachable")
        self.messages += messages

    def spawn(self, function: Any, *arguments: Any) -> None:
        self.background.start_soon(self._logged, function, *arguments)

    async def _logged(self, function: Any, *arguments: Any) -> None:
        try:
            await function(*arguments)
        except (RuntimeError, ZeroDivisionError) as error:
            self.failures.append(error)


@pytest.fixture
def hand() -> ManualClock:
    """A clock that only the test moves."""
    return ManualClock()


@pytest.fixture
def connected(configured: Any, services: Services, slack: Slack, hand: ManualClock) -> Any:
    @asynccontextmanager
    async def connected() -> AsyncIterator[Inbox]:
        config = configured(api_url=slack.api_url, app_token=Secret(APP_TOKEN), signing_secret=None)
        channel = SlackChannel(config, replace(services, clock=hand))
        async with aclosing(channel), anyio.create_task_group() as group:
            inbox = Inbox(channel, group)
            group.start_soon(channel.run, inbox)
            yield inbox
            group.cancel_scope.cancel()

    return connected


async def test_an_event_is_acknowledged_when_it_is_durable(connected: Any, slack: Slack) -> None:
    async with connected() as inbox:
        inbox.waits = anyio.Event()
        await slack.until(lambda: slack.sockets.open)
        await slack.sockets.push("events_api", mention("list instances"), "e1")
        await slack.until(lambda: inbox.asked)
        assert slack.sockets.frames == []
        inbox.waits.set()
        await slack.until(lambda: slack.sockets.frames)
        assert slack.sockets.frames == [{"envelope_id": "e1"}]
        (message,) = inbox.messages
        assert (message.text, message.request_id) == ("list instances", "e1")


async def test_an_event_that_could_not_be_stored_is_not_acknowledged(
    connected: Any, slack: Slack
) -> None:
    async with connected() as inbox:
        inbox.fails = True
        await slack.until(lambda: slack.sockets.open)
        await slack.sockets.push("events_api", mention("list instances"), "e1")
        await slack.until(lambda: inbox.failures)
        inbox.fails = False
        await slack.sockets.push("events_api", mention("list instances"), "e2", retry_attempt=1)
        await slack.until(lambda: slack.sockets.frames)
    assert slack.sockets.frames == [{"envelope_id": "e2"}]


async def test_the_acknowledgement_carries_an_answer(connected: Any, slack: Slack):
    stranger = slash("help", team_id="T999")
    async with connected() as inbox:
        await slack.until(lambda: slack.sockets.open)
        await slack.sockets.push("slash_commands", stranger, "e1", accepts_response_payload=True)
        await slack.sockets.push("slash_commands", stranger, "e2", accepts_response_payload=False)
        await slack.until(lambda: len(slack.sockets.frames) == 2)
    answers = {frame["envelope_id"]: frame.get("payload") for frame in slack.sockets.frames}
    assert answers["e1"]["response_type"] == "ephemeral"
    assert answers["e2"] is None
    assert inbox.messages == []


async def test_malformed_frames_do_not_end_the_connection(connected: Any, slack: Slack) -> None:
    async with connected() as inbox:
        await slack.until(lambda: slack.sockets.open)
        socket = slack.sockets.open[0]
        await socket.send_str("{")
        await socket.send_str("[]")
        await socket.send_bytes(b"\x00")
        await socket.send_json({"type": "novelty"})
        await slack.sockets.push("novelty", {}, "e0")
        await slack.sockets.push("events_api", {"event": {"type": "app_mention"}}, "e1")
        await slack.sockets.push("interactive", {"type": "block_actions", "actions": 5}, "e2")
        await slack.sockets.push("events_api", mention("help"), "e3")
        await slack.until(lambda: len(slack.sockets.frames) == 4)
    assert {frame["envelope_id"] for frame in slack.sockets.frames} == {"e0", "e1", "e2", "e3"}
    assert [message.text for message in inbox.messages] == ["help"]


async def test_an_unexpected_failure_does_not_end_the_connection(
    connected: Any, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("smartops_slack.events._origin", lambda *_: 1 / 0)
        async with connected() as inbox:
            await slack.until(lambda: slack.sockets.open)
            await slack.sockets.push("events_api", mention("help"), "e1")
            await slack.until(lambda: inbox.failures)
            patched.undo()
            await slack.sockets.push("events_api", mention("help"), "e1", retry_attempt=1)
            await slack.until(lambda: slack.sockets.frames)
    assert slack.sockets.frames == [{"envelope_id": "e1"}]
    assert len(inbox.messages) == 1


async def test_the_next_connection_opens_before_the_old_one_ends(connected: Any, slack: Slack):
    async with connected() as inbox:
        await slack.until(lambda: slack.sockets.open)
        first = slack.sockets.open[0]
        await first.send_json({"type": "disconnect", "reason": "refresh_requested"})
        await slack.until(lambda: len(slack.sockets.open) == 2)
        envelope = {"envelope_id": "old", "type": "events_api", "payload": mention("help")}
        await first.send_json(envelope)  # still read until Slack closes it
        await slack.sockets.push("events_api", mention("help", ts="2.2"), "new")
        await slack.until(lambda: len(slack.sockets.frames) == 2)
        await first.close()
    assert {frame["envelope_id"] for frame in slack.sockets.frames} == {"old", "new"}
    assert len(inbox.messages) == 2


async def test_reconnecting_backs_off(connected: Any, slack: Slack, hand: ManualClock) -> None:
    slack.fail("internal_error", method="apps.connections.open", times=3)
    pauses = []
    async with connected():
        for attempt in range(1, 4):
            await slack.until(lambda n=attempt: len(slack.called("apps.connections.open")) == n)
            await slack.until(lambda: hand.sleepers)
            waited = 0.0
            while len(slack.called("apps.connections.open")) == attempt:
                hand.advance(0.25)
                waited += 0.25
                await anyio.sleep(0.005)
            pauses.append(waited)
        await slack.until(lambda: slack.sockets.open)
    assert 0.75 <= pauses[0] <= 3
    assert pauses[0] < pauses[2] <= 9


async def test_disabled_socket_mode_is_logged(
    connected: Any, slack: Slack, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected():
        await slack.until(lambda: slack.sockets.open)
        await slack.sockets.open[0].send_json({"type": "disconnect", "reason": "link_disabled"})
        await slack.until(lambda: "switched off" in caplog.text)


@pytest.mark.parametrize(
    "url", ["wss://evil.example/link", "ws://127.0.0.1:1/socket", "", "http://127.0.0.1/"]
)
async def test_only_slacks_sockets_are_opened(
    connected: Any, slack: Slack, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    body = json.dumps({"ok": True, "url": url})
    slack.fail(method="apps.connections.open", body=body)
    async with connected():
        await slack.until(lambda: "cannot be used" in caplog.text)
    assert slack.sockets.open == []


async def test_a_wrong_token_is_logged(
    connected: Any, slack: Slack, caplog: pytest.LogCaptureFixture
) -> None:
    slack.fail("invalid_auth", method="auth.test")
    async with connected():
        await slack.until(lambda: "answers cannot be sent" in caplog.text)
    assert "Check bot_token" in caplog.text


async def test_the_bot_looks_up_its_own_id(connected: Any, slack: Slack) -> None:
    bare = mention("list instances", type="message", channel_type="channel")
    del bare["authorizations"]
    async with connected() as inbox:
        await slack.until(lambda: slack.sockets.open)
        await slack.until(lambda: inbox.channel._reader.bot)
        await slack.sockets.push("events_api", bare, "e1")
        await slack.until(lambda: inbox.messages)
    assert json.loads(inbox.messages[0].dump())["text"] == "list instances"

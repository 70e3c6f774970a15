"""Calls to the connector: token, rate limits, retries, and no second message."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from smartops import (
    BackendUnavailable,
    DeadlineExceeded,
    PermissionDenied,
    Reply,
    Secret,
    Unreachable,
    ValidationFailed,
)
from smartops.http import AiohttpClient
from smartops.testing import ManualClock
from smartops_simulators.teams import Conversation, TeamsSimulator
from smartops_teams import TeamsConfig
from smartops_teams.answers import message_activity
from smartops_teams.cards import card
from smartops_teams.connector import Connector, Gone, MessageGone
from smartops_teams.tokens import Tokens

pytestmark = pytest.mark.anyio


class Line:
    """A connector that calls the simulator, and one conversation."""

    def __init__(self, teams: TeamsSimulator, http: AiohttpClient) -> None:
        self.teams = teams
        assert isinstance(teams.clock, ManualClock)
        self.clock = teams.clock
        self.chat: Conversation = teams.conversation("group crew")
        self.http = http
        self.config = TeamsConfig.model_validate(teams.settings(client_secret=Secret("simulated")))
        self.tokens = Tokens(self.config, http, teams.clock)
        self.connector = Connector(self.tokens, http, teams.clock, self.config.allows)
        self.base = teams.service_url

    def activity(self, text: str = "Done.", conversation: str = "") -> dict[str, Any]:
        reference = {
            "serviceUrl": self.base,
            "channelId": "msteams",
            "conversation": conversation or self.chat.id,
            "activity": "",
            "bot": self.teams.account,
            "user": {"id": "29:1", "name": "Alice"},
        }
        return message_activity(reference, card(Reply.of(text)))

    async def send(self, text: str = "Done.", chat: str = "") -> str:
        chat = chat or self.chat.id
        async with self.connector.conversation(self.base, chat) as conversation:
            return await conversation.send(self.activity(text, chat))

    async def update(self, id: str, text: str = "Changed.") -> None:
        async with self.connector.conversation(self.base, self.chat.id) as conversation:
            await conversation.update(id, self.activity(text))

    @property
    def texts(self) -> list[str]:
        return [item.text for item in self.chat.answers]


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    http = AiohttpClient()
    async with TeamsSimulator.start(clock=ManualClock()) as teams:
        yield Line(teams, http)
        await http.aclose()


async def test_every_call(line: Line) -> None:
    alice, account = line.teams.user("alice"), line.teams.account
    async with line.connector.conversation(line.base, line.chat.id) as chat:
        sent = await chat.send(line.activity("one"))
        answered = await chat.reply(sent, line.activity("two"))
        await chat.update(sent, line.activity("three"))
        assert line.texts == ["three", "two"]
        await chat.delete(answered)
        assert line.texts == ["three"]
        await chat.typing()
        made = await chat.create(account["id"], alice.id, line.teams.login.tenant)
    assert made == line.teams.conversation("with alice").id
    assert [call.status for call in line.teams.calls] == [201, 201, 200, 200, 202, 201]
    assert line.teams.login.logins == 1


async def test_each_id_is_one_segment_of_the_url(line: Line) -> None:
    line.chat.id = "19:a/b?c#d%2e@thread.v2;messageid=1"
    line.teams.conversations["19:a/b?c#d%2e@thread.v2"] = line.chat
    await line.send()
    assert line.texts == ["Done."]


async def test_the_token_goes_to_allowed_hosts_only(line: Line) -> None:
    for base in ("https://evil.example/", "http://127.0.0.1:1@evil.example/", "http://127.0.0.2/"):
        line.base = base
        with pytest.raises(PermissionDenied, match="may not be sent"):
            await line.send()
    assert line.teams.login.logins == 0


# --- the token -------------------------------------------------------------------------------


async def test_concurrent_callers_share_one_token_request(line: Line) -> None:
    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(line.send, "x", line.teams.conversation(f"group {number}").id)
    assert line.teams.login.logins == 1


async def test_a_token_is_replaced_five_minutes_early(line: Line) -> None:
    await line.send()
    line.clock.advance(3600 - 301)
    await line.send()
    assert line.teams.login.logins == 1
    line.clock.advance(2)
    await line.send()
    assert line.teams.login.logins == 2


async def test_a_refused_token_is_replaced_once(line: Line) -> None:
    await line.send("one")
    line.teams.login.revoke()
    await line.send("two")
    assert line.texts == ["one", "two"]
    assert [call.status for call in line.teams.rejected] == [401]
    line.teams.fail(status=401, times=10)
    with pytest.raises(BackendUnavailable, match="token"):
        await line.send("three")
    assert [call.status for call in line.teams.rejected] == [401, 401, 401]
    assert line.teams.login.logins == 3


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ({"client_secret": Secret("hunter2")}, "client_secret is wrong"),
        ({"app_id": "1f0c6a2e-0000-4000-8000-00000000dead"}, "check app_id"),
        ({"login_tenant": "1f0c6a2e-0000-4000-8000-00000000dead"}, "check login_tenant"),
    ],
)
async def test_a_refusal_of_the_login_logs_how_to_fix_it(
    line: Line, caplog: pytest.LogCaptureFixture, wrong: dict[str, Any], hint: str
) -> None:
    config = line.config.model_copy(update=wrong)
    with pytest.raises(BackendUnavailable, match="login refuses"):
        await Tokens(config, line.http, line.clock).token()
    assert hint in caplog.text
    assert "hunter2" not in caplog.text


async def test_an_unreachable_login_can_be_tried_again(line: Line) -> None:
    config = line.config.model_copy(update={"login_url": "http://127.0.0.1:9"})
    with pytest.raises(Unreachable):
        await Tokens(config, line.http, line.clock).token()


# --- failures --------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [{"status": 429, "retry_after": 3}, {"status": 412}])
async def test_a_call_that_was_not_taken_is_repeated(line: Line, how: dict[str, Any]) -> None:
    line.teams.fail(**how, times=3)
    async with line.clock.running():
        await line.send()
    assert line.texts == ["Done."]


async def test_a_call_is_tried_four_times(line: Line) -> None:
    line.teams.fail(status=429, times=100, retry_after=5)
    async with line.clock.running():
        with pytest.raises(BackendUnavailable) as raised:
            await line.send()
    assert raised.value.retry_after == 5
    assert len(line.teams.rejected) == 4


async def test_a_long_retry_after_is_passed_on(line: Line) -> None:
    line.teams.fail(status=503, retry_after=600)
    with pytest.raises(BackendUnavailable) as raised:
        await line.send()
    assert raised.value.retry_after == 600


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 0])
@pytest.mark.parametrize("done", [False, True])
async def test_a_call_that_may_have_succeeded_is_final(line: Line, status: int, done: bool) -> None:
    line.teams.fail(status=status, done=done)
    with pytest.raises(DeadlineExceeded, match="teams"):
        await line.send()
    assert line.texts == (["Done."] if done else [])
    assert [call.status for call in line.teams.calls] == [status]


async def test_a_call_that_times_out_is_not_repeated(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smartops_teams.connector.TIMEOUT", 0.05)
    line.teams.fail(seconds=0.3, done=True)
    with pytest.raises(DeadlineExceeded):
        await line.send()
    await line.teams.until(lambda: line.texts == ["Done."])


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 0])
async def test_an_update_is_repeated(line: Line, status: int) -> None:
    shown = await line.send()
    line.teams.fail(status=status, times=2, done=True)
    async with line.clock.running():
        await line.update(shown)
    assert line.texts == ["Changed."]


async def test_an_unreachable_connector_is_tried_again(line: Line) -> None:
    await line.tokens.token()
    line.base = "http://127.0.0.1:9/"
    async with line.clock.running():
        with pytest.raises(Unreachable):
            await line.send()


async def test_the_bot_may_not_send_to_a_conversation(line: Line) -> None:
    line.chat.bot_is_in = False
    with pytest.raises(Gone, match="BotNotInConversationRoster"):
        await line.send()
    with pytest.raises(Gone, match="ConversationNotFound"):
        await line.send(chat="19:nowhere@thread.v2")
    line.chat.bot_is_in = True
    line.teams.fail(status=403, error="MessageWritesBlocked")
    with pytest.raises(Gone, match="MessageWritesBlocked"):
        await line.send()


async def test_a_deleted_message_cannot_be_updated(line: Line) -> None:
    with pytest.raises(MessageGone):
        await line.update("17")


async def test_a_message_that_is_too_large_is_refused(line: Line) -> None:
    async with line.connector.conversation(line.base, line.chat.id) as chat:
        with pytest.raises(ValidationFailed, match="413"):
            await chat.send({**line.activity(), "summary": "x" * 120_000})


async def test_typing_is_called_once(line: Line) -> None:
    line.teams.fail(status=503, times=2)
    async with line.connector.conversation(line.base, line.chat.id) as chat:
        with pytest.raises(BackendUnavailable):
            await chat.typing()
    assert len(line.teams.rejected) == 1


# --- pace and order --------------------------------------------------------------------------


async def test_calls_of_a_conversation_keep_the_rate_limit(line: Line) -> None:
    began = line.clock.time()
    async with line.clock.running(), anyio.create_task_group() as group:
        for number in range(70):
            group.start_soon(line.send, f"{number}")
    assert line.texts == [f"{number}" for number in range(70)]
    assert line.teams.rejected == []
    assert 30 <= line.clock.time() - began < 45


async def test_one_conversation_does_not_wait_for_another(line: Line) -> None:
    other = line.teams.conversation("group other")
    line.teams.fail(status=429, retry_after=60)
    async with anyio.create_task_group() as group:
        group.start_soon(line.send, "late")
        await line.teams.until(lambda: bool(line.teams.rejected))
        await line.send("at once", other.id)
        assert line.texts == []
        assert [item.text for item in other.answers] == ["at once"]
        async with line.clock.running(0.5):
            await line.teams.until(lambda: line.texts == ["late"])


async def test_a_lane_in_use_is_not_idle(line: Line) -> None:
    lanes = line.connector._lanes
    async with line.connector.conversation(line.base, "busy"):
        assert not lanes["busy"].idle
    assert lanes["busy"].idle

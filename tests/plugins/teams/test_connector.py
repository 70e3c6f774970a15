"""Calls to the connector: with a token, at its pace, again where allowed, and never twice."""

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
from smartops.channels import dump_json
from smartops.http import AiohttpClient
from smartops.testing import ManualClock
from smartops_simulators.teams import Conversation, TeamsSimulator
from smartops_teams import TeamsConfig
from smartops_teams.answers import message_activity, page_of
from smartops_teams.connector import Connector, Gone, MessageGone
from smartops_teams.credentials import Credentials
from smartops_teams.hosts import ServiceHosts
from smartops_teams.tokens import Tokens
from teams_house import time_lapse

pytestmark = pytest.mark.anyio


class Line:
    """A connector on the line to the simulator, and one conversation."""

    def __init__(self, teams: TeamsSimulator, http: AiohttpClient, seconds: float = 5.0) -> None:
        self.teams = teams
        assert isinstance(teams.clock, ManualClock)
        self.clock = teams.clock
        self.chat: Conversation = teams.conversation("group crew")
        config = TeamsConfig.model_validate(teams.settings(client_secret=Secret("simulated")))
        self.tokens = Tokens(Credentials(config, teams.clock), http, teams.clock)
        hosts = ServiceHosts(config.hosts)
        self.connector = Connector(self.tokens, http, teams.clock, hosts, seconds=seconds)
        self.base = teams.service_url

    def activity(self, text: str = "Done.", conversation: str = "") -> bytes:
        reference = {
            "serviceUrl": self.base,
            "channelId": "msteams",
            "conversation": conversation or self.chat.id,
            "activity": "",
            "bot": self.teams.account,
            "user": {"id": "29:1", "name": "Alice"},
        }
        return dump_json(message_activity(reference, page_of(Reply.of(text))))

    async def send(self, text: str = "Done.", chat: str = "") -> str:
        chat = chat or self.chat.id
        async with self.connector.lanes.enter(chat) as lane:
            return await self.connector.send(lane, self.base, chat, self.activity(text, chat))

    async def update(self, id: str, text: str = "Changed.") -> None:
        async with self.connector.lanes.enter(self.chat.id) as lane:
            activity = self.activity(text)
            await self.connector.update(lane, self.base, self.chat.id, id, activity)

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
    connector, chat, base = line.connector, line.chat, line.base
    async with connector.lanes.enter(chat.id) as lane:
        sent = await connector.send(lane, base, chat.id, line.activity("one"))
        answered = await connector.reply(lane, base, chat.id, sent, line.activity("two"))
        await connector.update(lane, base, chat.id, sent, line.activity("three"))
        assert line.texts == ["three", "two"]
        await connector.delete(lane, base, chat.id, answered)
        assert line.texts == ["three"]
        await connector.typing(lane, base, chat.id)
        alice = line.teams.user("alice")
        made = await connector.create(
            lane, base, line.teams.account["id"], alice.id, line.teams.login.tenant
        )
    assert made == line.teams.conversation("with alice").id
    assert [call.status for call in line.teams.calls] == [201, 201, 200, 200, 202, 201]
    assert line.teams.login.logins == 1


async def test_ids_are_one_segment_each(line: Line) -> None:
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


async def test_a_token_is_asked_for_once_however_many_want_it(line: Line) -> None:
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
        ({"app_id": "1f0c6a2e-0000-4000-8000-00000000dead"}, "look at app_id"),
        ({"login_tenant": "1f0c6a2e-0000-4000-8000-00000000dead"}, "look at login_tenant"),
    ],
)
async def test_a_refusal_of_the_login_says_what_to_mend_and_may_pass(
    line: Line, caplog: pytest.LogCaptureFixture, wrong: dict[str, Any], hint: str
) -> None:
    settings = line.teams.settings(client_secret=Secret("simulated")) | wrong
    config = TeamsConfig.model_validate(settings)
    http = AiohttpClient()
    tokens = Tokens(Credentials(config, line.clock), http, line.clock)
    with pytest.raises(BackendUnavailable, match="login refuses"):
        await tokens.token()
    assert hint in caplog.text
    assert "hunter2" not in caplog.text
    await http.aclose()


async def test_the_absence_of_the_login_is_not_final(line: Line) -> None:
    await line.teams.aclose()
    config = TeamsConfig.model_validate(
        line.teams.settings(client_secret=Secret("x"), login_url="http://127.0.0.1:9")
    )
    http = AiohttpClient()
    tokens = Tokens(Credentials(config, line.clock), http, line.clock)
    with pytest.raises(Unreachable):
        await tokens.token()
    await http.aclose()


# --- what goes wrong -------------------------------------------------------------------------


@pytest.mark.parametrize("how", [{"status": 429, "retry_after": 3}, {"status": 412}])
async def test_what_was_not_taken_is_sent_again(line: Line, how: dict[str, Any]) -> None:
    line.teams.fail(**how, times=3)
    async with time_lapse(line.clock):
        await line.send()
    assert line.texts == ["Done."]


async def test_a_busy_connector_is_left_alone_after_some_tries(line: Line) -> None:
    line.teams.fail(status=429, times=100, retry_after=5)
    async with time_lapse(line.clock):
        with pytest.raises(BackendUnavailable) as raised:
            await line.send()
    assert raised.value.retry_after == 5
    assert len(line.teams.rejected) == 4


async def test_a_long_wait_is_not_waited_for_here(line: Line) -> None:
    line.teams.fail(status=503, retry_after=600)
    with pytest.raises(BackendUnavailable) as raised:
        await line.send()
    assert raised.value.retry_after == 600


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 0])
@pytest.mark.parametrize("done", [False, True])
async def test_what_may_have_arrived_is_not_sent_again(line: Line, status: int, done: bool) -> None:
    line.teams.fail(status=status, done=done)
    with pytest.raises(DeadlineExceeded, match="teams"):
        await line.send()
    assert line.texts == (["Done."] if done else [])
    assert [call.status for call in line.teams.calls] == [status]


async def test_what_is_too_slow_may_have_arrived(line: Line) -> None:
    line.connector._seconds = 0.05
    line.teams.fail(seconds=0.3, done=True)
    with pytest.raises(DeadlineExceeded):
        await line.send()
    await line.teams.until(lambda: line.texts == ["Done."])


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 0])
async def test_a_change_is_made_again_until_it_is_known_to_be_made(line: Line, status: int) -> None:
    shown = await line.send()
    line.teams.fail(status=status, times=2, done=True)
    async with time_lapse(line.clock):
        await line.update(shown)
    assert line.texts == ["Changed."]


async def test_nobody_reached_is_tried_again(line: Line) -> None:
    await line.tokens.token()
    line.base = "http://127.0.0.1:9/"
    async with time_lapse(line.clock):
        with pytest.raises(Unreachable):
            await line.send()


async def test_a_conversation_that_is_closed_to_the_bot(line: Line) -> None:
    line.chat.bot_is_in = False
    with pytest.raises(Gone, match="BotNotInConversationRoster"):
        await line.send()
    with pytest.raises(Gone, match="ConversationNotFound"):
        await line.send(chat="19:nowhere@thread.v2")
    line.chat.bot_is_in = True
    line.teams.fail(status=403, error="MessageWritesBlocked")
    with pytest.raises(Gone, match="MessageWritesBlocked"):
        await line.send()


async def test_a_message_that_was_deleted(line: Line) -> None:
    with pytest.raises(MessageGone):
        await line.update("17")


async def test_what_is_too_large_is_refused_for_good(line: Line) -> None:
    body = line.activity().replace(b"Done.", b"x" * 120_000)
    async with line.connector.lanes.enter(line.chat.id) as lane:
        with pytest.raises(ValidationFailed, match="413"):
            await line.connector.send(lane, line.base, line.chat.id, body)


# --- pace and order --------------------------------------------------------------------------


async def test_a_conversation_is_called_no_faster_than_allowed(line: Line) -> None:
    began = line.clock.time()
    async with time_lapse(line.clock), anyio.create_task_group() as group:
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
        async with time_lapse(line.clock, 500):
            await line.teams.until(lambda: line.texts == ["late"])


async def test_idle_conversations_are_forgotten(line: Line) -> None:
    lanes = line.connector.lanes
    for number in range(1000):
        async with lanes.enter(str(number)) as lane, lanes.call(lane):
            line.clock.advance(0.05)
    line.clock.advance(40)
    async with lanes.enter("busy"), lanes.enter("new"):
        assert set(lanes._lanes) == {"busy", "new"}

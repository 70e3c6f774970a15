"""The simulator checks what the real service checks, and its page shows what is there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest

from smartops.testing import ManualClock
from smartops_teams.simulator import Simulator
from smartops_teams.simulator.limits import faults_of, faults_of_card
from smartops_teams.simulator.page import pages
from teams_house import House, a_house, time_lapse

pytestmark = pytest.mark.anyio

FRAME = {"type": "message", "from": {"id": "28:x"}, "conversation": {"id": "c"}}
CARD = {"type": "AdaptiveCard", "version": "1.5", "body": [{"type": "TextBlock", "text": "x"}]}
ATTACHED = {"contentType": "application/vnd.microsoft.card.adaptive", "content": CARD}


class Caller:
    """Somebody who calls the connector by hand."""

    def __init__(self, teams: Simulator, session: aiohttp.ClientSession) -> None:
        self.teams = teams
        self.session = session
        self.token = ""

    async def login(self) -> None:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.teams.login.app_id,
            "client_secret": "simulated",
            "scope": "https://api.botframework.com/.default",
        }
        url = f"{self.teams.url}/{self.teams.world.tenant}/oauth2/v2.0/token"
        async with self.session.post(url, data=form) as answer:
            self.token = (await answer.json())["access_token"]

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        from yarl import URL

        headers = {"Authorization": f"Bearer {self.token}"}
        url = URL(f"{self.teams.url}/v3/{path}", encoded=True)
        async with self.session.request(method, url, json=body, headers=headers) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with (
        Simulator.start(clock=ManualClock(), pages=pages) as teams,
        aiohttp.ClientSession() as session,
    ):
        teams.conversation("group crew").id = "crew"
        teams.world.conversations["crew"] = teams.conversation("group crew")
        caller = Caller(teams, session)
        await caller.login()
        yield caller


async def test_breaches_fail_the_test() -> None:
    async def careless() -> None:
        async with Simulator.start() as teams, aiohttp.ClientSession() as session:
            caller = Caller(teams, session)
            assert (await caller.call("GET", "conversations/19:x@y/members"))[0] == 401

    with pytest.raises(AssertionError, match="not percent-encoded"):
        await careless()


async def test_the_real_status_codes(caller: Caller) -> None:
    send = "conversations/crew/activities"
    said = {**FRAME, "attachments": [ATTACHED]}
    status, made = await caller.call("POST", send, said)
    assert status == 201
    own = f"{send}/{made['id']}"
    assert await caller.call("PUT", own, said) == (200, {"id": made["id"]})
    assert (await caller.call("POST", own, said))[0] == 201
    assert await caller.call("DELETE", own) == (200, None)
    caller.teams.clock.advance(60)  # type: ignore[attr-defined]
    assert (await caller.call("DELETE", own))[0] == 404
    assert (await caller.call("POST", f"{send}/17", said))[0] == 404
    assert await caller.call("POST", send, {"type": "typing"}) == (202, None)
    large = {**FRAME, "text": "x" * 120_000}
    status, answer = await caller.call("POST", send, large)
    assert (status, answer["error"]["code"]) == (413, "MessageSizeTooBig")
    assert (await caller.call("POST", "conversations/nowhere/activities", said))[0] == 404
    caller.teams.conversation("group crew").bot_is_in = False
    assert (await caller.call("POST", send, said))[0] == 403
    caller.token = "forged"
    assert (await caller.call("POST", send, said))[0] == 401


async def test_the_members(caller: Caller) -> None:
    alice = caller.teams.user("alice")
    caller.teams.conversation("group crew").members["alice"] = alice
    status, people = await caller.call("GET", "conversations/crew/members")
    assert (status, [person["id"] for person in people]) == (200, [alice.id])
    path = f"conversations/crew/members/{alice.object_id}"
    assert (await caller.call("GET", path))[1]["aadObjectId"] == alice.object_id
    assert (await caller.call("GET", "conversations/crew/members/x"))[0] == 404


async def test_a_new_thread_and_a_new_chat(caller: Caller) -> None:
    ops = caller.teams.conversation("ops")
    wanted = {"isGroup": True, "channelData": {"channel": {"id": ops.id}}, "activity": FRAME}
    status, made = await caller.call("POST", "conversations", wanted)
    assert (status, made["id"]) == (201, f"{ops.id};messageid={made['activityId']}")
    assert (await caller.call("POST", "conversations", {"isGroup": True}))[0] == 404
    assert (await caller.call("POST", "conversations", {"members": []}))[0] == 400
    chat = {
        "bot": {"id": caller.teams.account["id"]},
        "members": [{"id": caller.teams.user("alice").id}],
        "tenantId": "another",
    }
    assert (await caller.call("POST", "conversations", chat))[0] == 403


async def test_the_limits(caller: Caller) -> None:
    said = {**FRAME, "text": "x"}
    statuses = [
        (await caller.call("POST", "conversations/crew/activities", said))[0] for _ in range(8)
    ]
    assert statuses == [201] * 7 + [429]
    caller.teams.clock.advance(0.9)  # type: ignore[attr-defined]
    assert (await caller.call("POST", "conversations/crew/activities", said))[0] == 429
    caller.teams.clock.advance(1.2)  # type: ignore[attr-defined]
    assert (await caller.call("POST", "conversations/crew/activities", said))[0] == 201


async def test_a_message_that_is_doubled_is_a_breach(caller: Caller) -> None:
    said = {**FRAME, "text": "x"}
    caller.teams.fail(502, done=True)
    assert (await caller.call("POST", "conversations/crew/activities", said))[0] == 502
    assert caller.teams.breaches == []
    assert (await caller.call("POST", "conversations/crew/activities", said))[0] == 201
    assert caller.teams.breaches == ["a message was sent again that may have arrived"]
    caller.teams.breaches.clear()


async def test_calling_before_the_wait_is_over_is_a_breach(caller: Caller) -> None:
    said = {**FRAME, "text": "x"}
    caller.teams.fail(429, retry_after=9)
    assert (await caller.call("POST", "conversations/crew/activities", said))[0] == 429
    caller.teams.clock.advance(8)  # type: ignore[attr-defined]
    await caller.call("POST", "conversations/crew/activities", said)
    assert caller.teams.breaches == ["POST: called again before Retry-After was over"]
    caller.teams.breaches.clear()
    caller.teams.clock.advance(1)  # type: ignore[attr-defined]
    assert (await caller.call("POST", "conversations/crew/activities", said))[0] == 201
    assert caller.teams.breaches == []


async def test_changing_what_somebody_else_said_is_a_breach(caller: Caller) -> None:
    caller.teams.bot = "http://127.0.0.1:9/"
    caller.teams.sender.resends = False
    said = await caller.teams.says("hello", conversation="group crew")
    path = f"conversations/crew/activities/{said.id}"
    assert (await caller.call("PUT", path, {**FRAME, "text": "bye"}))[0] == 403
    assert caller.teams.breaches == ["the bot wants to change somebody else's message"]
    caller.teams.breaches.clear()


@pytest.mark.parametrize(
    ("activity", "fault"),
    [
        ({"text": "x"}, "from is missing"),
        (FRAME, "the message is empty"),
        ({**FRAME, "text": "x", "replyToId": ""}, "replyToId names nothing"),
        ({**FRAME, "text": "x", "attachments": [ATTACHED]}, "Teams may split them"),
    ],
)
def test_messages_it_complains_of(activity: dict[str, Any], fault: str) -> None:
    assert any(fault in found for found in faults_of(activity))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"type": "Card"}, "no AdaptiveCard"),
        ({"version": "1.6"}, "version 1.6"),
        ({"body": []}, "is empty"),
        ({"body": [{"type": "Badge"}]}, "Badge is no element"),
        ({"body": [{"type": "TextBlock"}]}, "has no text"),
        ({"body": [{"type": "Input.Text", "id": "a"}] * 2}, "one id"),
        ({"actions": [{"type": "Action.Execute", "title": "x"}]}, "nothing in old clients"),
    ],
)
def test_cards_it_complains_of(changes: dict[str, Any], fault: str) -> None:
    assert faults_of_card(CARD) == []
    assert any(fault in found for found in faults_of_card({**CARD, **changes}))


# --- keys ------------------------------------------------------------------------------------


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as house:
        yield house


async def test_the_keys_are_rotated(house: House) -> None:
    teams = house.teams
    await teams.says("switch one")
    await teams.shown("with alice")
    house.clock.advance(3700)
    teams.login.rotate()
    await teams.says("switch two")
    await teams.shown("with alice", count=2)


async def test_what_gets_no_answer_is_sent_three_times_and_then_anew() -> None:
    clock = ManualClock()
    async with Simulator.start(clock=clock) as teams:
        teams.bot = "http://127.0.0.1:9/"
        began = clock.time()
        async with time_lapse(clock, 2000):
            await teams.says("help")
        first, second, third, fourth = teams.sender.posted
        assert first == second == third != fourth
        assert clock.time() - began >= 60


# --- the page --------------------------------------------------------------------------------


async def test_the_page(tmp_path: Path) -> None:
    async with a_house(tmp_path, pages=pages) as house, aiohttp.ClientSession() as session:
        where = {"user": "alice", "conversation": "ops"}

        async def get(path: str, **more: str) -> str:
            async with session.get(f"{house.teams.url}{path}", params=where | more) as answer:
                assert answer.status == 200
                return await answer.text()

        async def post(path: str, **fields: str) -> tuple[int, str]:
            url = f"{house.teams.url}{path}"
            async with session.post(url, params=where, data=fields) as answer:
                return answer.status, await answer.text()

        page = await get("/")
        assert "the channel ops" in page
        mark = json.loads(await get("/page/messages"))["mark"] if "article" in page else ""
        assert await post("/page/say", text="switch <b>kitchen</b>") == (202, "")
        asked = await house.teams.shown("ops")
        news = json.loads(await get("/page/messages", known=mark))
        assert "Switch &lt;b&gt;kitchen" in news["html"]
        assert '<button name="what" value="Yes, proceed"' in news["html"]

        async with anyio.create_task_group() as group:

            async def follow() -> None:
                later = json.loads(await get("/page/messages", known=news["mark"]))
                assert "kitchen" in later["html"]

            group.start_soon(follow)
            assert await post("/page/click", message=asked.id, what="Yes, proceed") == (200, "")
        await house.teams.until(lambda: asked.edits == 1)
        assert house.lamps.switched == ["<b>kitchen</b>"]
        assert (await post("/page/click", message=asked.id, what="Yes, proceed"))[0] == 409
        assert (await post("/page/click", message="17", what="x"))[0] == 404
        where["user"] = "bob"
        assert "a chat with SmartOps" in await get("/", conversation="with alice")

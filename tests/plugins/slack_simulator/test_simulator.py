"""The stand-in for Slack refuses what Slack refuses: called here by the SDK, and by hand."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import anyio
import pytest
from aiohttp import web
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from smartops.testing import ManualClock
from smartops_slack.simulator import Simulator
from smartops_slack.simulator.service import APP_TOKEN, BOT_TOKEN, SECRET

pytestmark = pytest.mark.anyio

PLAIN = {"type": "plain_text", "text": "Yes"}
BUTTON = {"type": "button", "action_id": "a.confirm.0", "text": PLAIN, "value": "token"}
ASKING = [{"type": "actions", "elements": [BUTTON]}]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def slack(clock: ManualClock) -> AsyncIterator[Simulator]:
    async with Simulator.start(clock=clock) as slack:
        yield slack
        slack.breaches.clear()  # they are what these tests are about


@asynccontextmanager
async def client_of(slack: Simulator, token: str = BOT_TOKEN) -> AsyncIterator[AsyncWebClient]:
    async with aiohttp.ClientSession() as session:
        yield AsyncWebClient(token, base_url=f"{slack.url}/api/", session=session)


@pytest.fixture
async def sdk(slack: Simulator) -> AsyncIterator[AsyncWebClient]:
    async with client_of(slack) as client:
        yield client


class App:
    """An app behind HTTP that keeps what it gets. ``answers`` are given in turn, else 200."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[web.Response] = []
        self.silent = False

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.got.append((dict(request.headers), await request.read()))
        if self.silent:
            await anyio.sleep(60)
        return self.answers.pop(0) if self.answers else web.Response()


@pytest.fixture
async def app(slack: Simulator) -> AsyncIterator[App]:
    app = App()
    server = web.Application()
    server.router.add_post("/", app.serve)
    runner = web.AppRunner(server, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slack.bot = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield app
    await runner.cleanup()


async def refused(call: Any) -> str:
    with pytest.raises(SlackApiError) as error:
        await call
    return str(error.value.response["error"])


async def test_what_is_said_is_signed(slack: Simulator, app: App, clock: ManualClock) -> None:
    said = await slack.says("list <b> & more", channel="ops")
    ((headers, body),) = app.got
    moment = headers["X-Slack-Request-Timestamp"]
    assert moment == str(int(clock.time()))
    signed = f"v0:{moment}:".encode() + body
    digest = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["X-Slack-Signature"] == f"v0={digest}"
    event = json.loads(body)["event"]
    assert event["type"] == "app_mention"
    assert event["text"] == f"<@{slack.app.user}> list &lt;b&gt; &amp; more"
    assert event["ts"] == said.ts


async def test_an_event_that_is_not_taken_comes_four_times(
    slack: Simulator, app: App, clock: ManualClock
) -> None:
    app.answers = [web.Response(status=404) for _ in range(9)]
    async with anyio.create_task_group() as group:
        group.start_soon(slack.says, "hello")
        for _ in range(400):
            await anyio.sleep(0.001)
            clock.advance(1)
    numbers = [headers.get("X-Slack-Retry-Num") for headers, _ in app.got]
    assert numbers == [None, "1", "2", "3"]
    assert {headers.get("X-Slack-Retry-Reason") for headers, _ in app.got[1:]} == {"http_error"}
    assert len({body for _, body in app.got}) == 1
    moments = [int(headers["X-Slack-Request-Timestamp"]) for headers, _ in app.got]
    pauses = [later - sooner for sooner, later in pairwise(moments)]
    assert pauses == [pytest.approx(pause, abs=3) for pause in (0, 60, 300)]


async def test_an_app_that_is_silent_for_three_seconds_has_not_taken_it(
    slack: Simulator, app: App, clock: ManualClock
) -> None:
    app.silent = True
    slack.sender.resends = False
    async with anyio.create_task_group() as group:
        group.start_soon(slack.says, "hello")
        while not app.got:
            await anyio.sleep(0.001)
        clock.advance(3)
    assert slack.sender.attempts == 1


async def test_no_retry_is_honoured_and_a_failure_of_the_app_is_a_breach(
    slack: Simulator, app: App
) -> None:
    app.answers = [web.Response(status=500, headers={"X-Slack-No-Retry": "1"})]
    await slack.says("hello")
    assert len(app.got) == 1
    assert slack.breaches == ["the app answered 500"]


async def test_only_the_right_token_is_let_in(slack: Simulator) -> None:
    for token, error in (("xoxb-wrong", "invalid_auth"), (APP_TOKEN, "not_allowed_token_type")):
        async with client_of(slack, token) as client:
            assert await refused(client.auth_test()) == error


async def test_a_message_is_posted_changed_and_deleted(
    slack: Simulator, sdk: AsyncWebClient, app: App
) -> None:
    room = slack.channel("ops")
    posted = await sdk.chat_postMessage(channel=room.id, text="hello", blocks=ASKING)
    (shown,) = room.messages
    assert (shown.ts, shown.buttons) == (posted["ts"], ["Yes"])
    await sdk.chat_update(channel=room.id, ts=shown.ts, text="done", blocks=[])
    assert (shown.text, shown.buttons, shown.edits) == ("done", [], 1)
    said = await slack.says("mine", channel="ops")
    assert await refused(sdk.chat_update(channel=room.id, ts=said.ts, text="x")) == (
        "cant_update_message"
    )
    assert await refused(sdk.chat_update(channel=room.id, ts="1.1", text="x")) == (
        "message_not_found"
    )
    await sdk.chat_delete(channel=room.id, ts=shown.ts)
    assert room.answers == []
    assert slack.breaches == []


async def test_where_the_app_is_no_member_it_says_nothing(
    slack: Simulator, sdk: AsyncWebClient, clock: ManualClock
) -> None:
    slack.channel("secret").bot_is_in = False
    channel = slack.channel("secret").id
    assert await refused(sdk.chat_postMessage(channel=channel, text="x")) == "not_in_channel"
    clock.advance(2)
    assert await refused(sdk.chat_postMessage(channel="C0", text="x")) == "channel_not_found"


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ([{"type": "sparkles"}], "is no block"),
        ([{"type": "divider"}] * 51, "51 blocks"),
        ([{"type": "header", "text": {**PLAIN, "text": "x" * 151}}], "150"),
        ([{"type": "section", "text": {**PLAIN, "text": "x" * 3001}}], "3000"),
        ([{"type": "section", "text": {**PLAIN, "text": ""}}], "1 to 3000"),
        ([{"type": "actions", "elements": [BUTTON] * 26}], "25"),
        ([{"type": "actions", "elements": [BUTTON, BUTTON]}], "one action_id"),
        ([{"type": "actions", "elements": [{**BUTTON, "value": "x" * 2001}]}], "2000"),
        (
            [{"type": "actions", "elements": [{**BUTTON, "text": {**PLAIN, "text": "x" * 76}}]}],
            "75",
        ),
        ([{"type": "divider", "colour": "red"}], "colour"),
        ([{"type": "divider", "block_id": "b"}] * 2, "one block_id"),
        ([{"type": "section", "text": {**PLAIN, "text": "x" * 3000}}] * 5, "13,000"),
    ],
)
async def test_blocks_that_slack_refuses_are_breaches(
    slack: Simulator, sdk: AsyncWebClient, blocks: Any, words: str
) -> None:
    channel = slack.channel("ops").id
    error = await refused(sdk.chat_postMessage(channel=channel, text="x", blocks=blocks))
    assert error in ("invalid_blocks", "msg_blocks_too_long")
    (breach,) = slack.breaches
    assert words in breach
    assert slack.channel("ops").messages == []


async def test_a_breach_fails_the_test_that_committed_it(clock: ManualClock) -> None:
    async def commit() -> None:
        async with Simulator.start(clock=clock) as slack, client_of(slack) as client:
            nothing = {"channel": slack.channel("ops").id, "text": ""}
            await refused(client.api_call("chat.postMessage", json=nothing))

    with pytest.raises(AssertionError, match="no_text"):
        await commit()


async def test_one_message_a_second_and_a_channel(
    slack: Simulator, sdk: AsyncWebClient, clock: ManualClock
) -> None:
    ops, dev = slack.channel("ops").id, slack.channel("dev").id
    for _ in range(3):  # a short burst is let through
        await sdk.chat_postMessage(channel=ops, text="one")
    await sdk.chat_postMessage(channel=dev, text="one")
    with pytest.raises(SlackApiError) as error:
        await sdk.chat_postMessage(channel=ops, text="two")
    assert error.value.response.status_code == 429
    assert error.value.response.headers["Retry-After"] == "1"
    for _ in range(5):
        clock.advance(1)
        await sdk.chat_postMessage(channel=ops, text="two")
    assert await refused(sdk.chat_postMessage(channel=ops, text="two")) == "ratelimited"
    assert len(slack.rejected) == 2
    assert slack.breaches == []


async def test_whoever_is_told_to_wait_and_does_not_commits_a_breach(
    slack: Simulator, sdk: AsyncWebClient, clock: ManualClock
) -> None:
    slack.fail(method="auth.test", retry_after=30)
    assert await refused(sdk.auth_test()) == "ratelimited"
    await sdk.auth_test()  # it may have been on its way
    assert slack.breaches == []
    clock.advance(2)
    await sdk.auth_test()
    assert slack.breaches == ["auth.test: called again before Retry-After was over"]


async def test_tiers_are_counted_by_the_minute(
    slack: Simulator, sdk: AsyncWebClient, clock: ManualClock
) -> None:
    channel = slack.channel("ops").id
    for _ in range(50):
        await refused(sdk.chat_update(channel=channel, ts="1.1", text="x"))
    assert await refused(sdk.chat_update(channel=channel, ts="1.1", text="x")) == "ratelimited"
    clock.advance(60)
    assert await refused(sdk.chat_update(channel=channel, ts="1.1", text="x")) == (
        "message_not_found"
    )


async def test_a_trigger_opens_one_dialog_soon(
    slack: Simulator, sdk: AsyncWebClient, app: App, clock: ManualClock
) -> None:
    field = {"type": "plain_text_input", "action_id": "value"}
    asks = {"type": "input", "block_id": "f.name", "label": PLAIN, "element": field}
    view = {"type": "modal", "title": PLAIN, "submit": PLAIN, "blocks": [asks]}
    triggers = [slack.tickets.trigger(slack.user("alice")) for _ in range(2)]
    await sdk.views_open(trigger_id=triggers[0], view=view)
    assert await refused(sdk.views_open(trigger_id=triggers[0], view=view)) == (
        "exchanged_trigger_id"
    )
    clock.advance(4)
    assert await refused(sdk.views_open(trigger_id=triggers[1], view=view)) == "expired_trigger_id"
    (dialog,) = slack.dialogs
    with pytest.raises(ValueError, match="needed"):
        await slack.submits(dialog, {})
    app.answers = [web.json_response({"response_action": "errors", "errors": {"f.name": "no"}})]
    await slack.submits(dialog, {"name": "x"})
    assert dialog.errors == {"f.name": "no"}
    await slack.submits(dialog, {"name": "web-1"})
    assert slack.dialogs == []


async def test_a_response_url_takes_five_answers_in_half_an_hour(
    slack: Simulator, app: App, clock: ManualClock
) -> None:
    await slack.slash("help", channel="ops")
    await slack.slash("help", channel="ops")
    urls = [dict(parse_qsl(body.decode()))["response_url"] for _, body in app.got]
    async with aiohttp.ClientSession() as session:

        async def answer(url: str, **message: Any) -> int:
            async with session.post(url, json={"text": "x", **message}) as response:
                return response.status

        assert [await answer(urls[0]) for _ in range(6)] == [200] * 5 + [404]
        assert [item.to for item in slack.ephemeral] == ["alice"] * 5
        assert await answer(urls[1], response_type="in_channel") == 200
        assert len(slack.channel("ops").answers) == 1
        clock.advance(1801)
        assert await answer(urls[1]) == 404


async def test_only_who_sees_a_button_presses_it(
    slack: Simulator, sdk: AsyncWebClient, app: App
) -> None:
    room = slack.channel("ops")
    room.members["alice"] = slack.user("alice")
    await sdk.chat_postEphemeral(
        channel=room.id, user=slack.user("alice").id, text="sure?", blocks=ASKING
    )
    (shown,) = slack.ephemeral
    with pytest.raises(LookupError):
        await slack.clicks(shown, "confirm", user="bob")
    with pytest.raises(LookupError):
        await slack.clicks(shown, "cancel")
    assert (await slack.clicks(shown, "confirm")).taken
    payload = json.loads(dict(parse_qsl(app.got[-1][1].decode()))["payload"])
    assert payload["container"]["is_ephemeral"] is True
    assert payload["actions"][0]["value"] == "token"


async def test_a_file_must_be_as_long_as_it_was_said_to_be(
    slack: Simulator, sdk: AsyncWebClient
) -> None:
    place = await sdk.files_getUploadURLExternal(filename="a.txt", length=5)
    files = [{"id": place["file_id"], "title": "A"}]
    room = slack.channel("ops").id
    assert await refused(sdk.files_completeUploadExternal(files=files, channel_id=room)) == (
        "file_not_found"
    )
    async with aiohttp.ClientSession() as session:
        async with session.post(place["upload_url"], data=b"too long") as response:
            assert response.status == 400
        async with session.post(place["upload_url"], data=b"right") as response:
            assert response.status == 200
    await sdk.files_completeUploadExternal(files=files, channel_id=room)
    assert [(file.title, file.text) for file in slack.attached("a.txt")] == [("A", "right")]
    assert slack.breaches == ["a.txt: 8 bytes instead of 5"]


async def test_socket_mode_says_hello_and_wants_acknowledgements(
    slack: Simulator, clock: ManualClock
) -> None:
    async with client_of(slack, APP_TOKEN) as client:
        url = (await client.apps_connections_open(app_token=APP_TOKEN))["url"]
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        assert (await socket.receive_json())["type"] == "hello"
        async with anyio.create_task_group() as group:
            group.start_soon(slack.says, "hello")
            first = await socket.receive_json()
            assert (first["type"], first["retry_attempt"]) == ("events_api", 0)
            while not clock.sleepers:
                await anyio.sleep(0.001)
            clock.advance(3)
            again = await socket.receive_json()
            assert again["retry_attempt"] == 1
            assert again["payload"] == first["payload"]
            await socket.send_json({"envelope_id": again["envelope_id"]})
        assert slack.sockets.acknowledged == [again["envelope_id"]]
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)  # a ticket is for one connection


async def test_the_page_shows_what_slack_would(slack: Simulator, app: App) -> None:
    from smartops_slack.simulator.page import pages

    async with (
        Simulator.start(pages=pages) as paged,
        client_of(paged) as client,
        aiohttp.ClientSession(paged.url) as session,
    ):
        paged.bot = slack.bot
        here = {"user": "alice", "channel": "ops"}
        async with session.post("/page/say", params=here, data={"text": "<b>hi"}) as response:
            assert response.status == 202
        await paged.until(lambda: app.got)
        room = paged.channel("ops")
        await client.chat_postMessage(
            channel=room.id, text="x", blocks=ASKING, thread_ts=room.messages[0].ts
        )
        async with session.get("/", params=here) as response:
            page = await response.text()
        assert "@SmartOps</span> &lt;b&gt;hi" in page
        assert '<button name="a.confirm.0" class="">Yes</button>' in page
        async with session.get("/page/news", params={**here, "known": "?"}) as response:
            assert "a.confirm.0" in (await response.json())["html"]
        pressed = {"ts": room.answers[0].ts, "action": "a.confirm.0"}
        async with session.post("/page/press", params=here, data=pressed) as response:
            assert response.status == 200
        assert b"block_actions" in app.got[-1][1]
        async with session.post("/page/press", params=here, data={"ts": "1.1"}) as response:
            assert response.status == 404

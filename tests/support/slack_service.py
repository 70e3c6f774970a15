"""A small Slack on 127.0.0.1: it signs what it sends, and takes calls as the real one does.

It does exactly what a test scripts, and no more; `smartops_slack.simulator` behaves as
Slack does. Both know the same limits, so that a message which Slack would refuse fails
the test that sent it.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlencode

import anyio
from aiohttp import WSMsgType, web

from smartops import Clock
from smartops.channels import Headers, Inbound
from smartops_slack.simulator.blocks import faults_of_message, faults_of_view

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
BOT_TOKEN = "xoxb-1-2-three"
APP_TOKEN = "xapp-1-A-2-b"
TEAM = "T1234567890"
CHANNEL = "C1234567890"
DIRECT = "D1234567890"
ALICE = "U0987654321"
BOB = "U0000000002"
BOT = "U1234567890"
TS = "1700000000.000100"


def event(**changes: Any) -> dict[str, Any]:
    """Return what is sent when the bot is mentioned in a channel; None leaves a member out."""
    inner = {
        "type": "app_mention",
        "user": ALICE,
        "text": f"<@{BOT}> list instances",
        "ts": TS,
        "channel": CHANNEL,
        "event_ts": TS,
        "team": TEAM,
        **changes,
    }
    return {
        "token": "verification-token",
        "team_id": TEAM,
        "api_app_id": "A1234567890",
        "event": {name: value for name, value in inner.items() if value is not None},
        "type": "event_callback",
        "event_id": "Ev1234567890",
        "event_time": 1700000000,
        "authorizations": [
            {"enterprise_id": None, "team_id": TEAM, "user_id": BOT, "is_bot": True}
        ],
        "is_ext_shared_channel": False,
    }


def mention(text: str, **changes: Any) -> dict[str, Any]:
    return event(text=f"<@{BOT}> {text}", **changes)


def direct(text: str, **changes: Any) -> dict[str, Any]:
    usual = {"type": "message", "channel": DIRECT, "channel_type": "im", "text": text}
    return event(**{**usual, **changes})


def slash(text: str, **changes: str) -> dict[str, str]:
    return {
        "token": "verification-token",
        "team_id": TEAM,
        "team_domain": "example",
        "channel_id": CHANNEL,
        "channel_name": "ops",
        "user_id": ALICE,
        "user_name": "alice",
        "command": "/smartops",
        "text": text,
        "api_app_id": "A1234567890",
        "is_enterprise_install": "false",
        "response_url": "https://hooks.slack.com/commands/T1/2/three",
        "trigger_id": "13345224609.738474920.8088930838d88f008e0",
        **changes,
    }


def pressed(
    button: Mapping[str, Any], message: Mapping[str, Any], **changes: Any
) -> dict[str, Any]:
    """Return what is sent when a button in a message is pressed."""
    channel = message["channel"]
    container = {
        "type": "message",
        "message_ts": message["ts"],
        "channel_id": channel,
        "is_ephemeral": message.get("ephemeral", False),
    }
    if "thread_ts" in message:
        container["thread_ts"] = message["thread_ts"]
    usual = {
        "type": "block_actions",
        "user": {"id": ALICE, "username": "alice", "team_id": TEAM},
        "api_app_id": "A1234567890",
        "token": "verification-token",
        "container": container,
        "trigger_id": f"trigger-{next(_NUMBERS)}",
        "team": {"id": TEAM, "domain": "example"},
        "enterprise": None,
        "channel": {"id": channel, "name": "ops"},
        "state": {"values": {}},
        "response_url": "https://hooks.slack.com/actions/T1/2/three",
        "actions": [{**button, "block_id": "b1", "type": "button", "action_ts": "1700000001.1"}],
    }
    if not message.get("ephemeral"):
        usual["message"] = {
            name: message[name] for name in ("ts", "thread_ts", "text", "blocks") if name in message
        }
    return {**usual, **changes}


def submitted(view: Mapping[str, Any], values: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return what is sent when the form in a dialog is submitted."""
    shown = {**view, "id": "V1", "team_id": TEAM, "state": {"values": values}, "hash": "1.a"}
    return {
        "type": "view_submission",
        "team": {"id": TEAM, "domain": "example"},
        "user": {"id": ALICE, "username": "alice", "name": "alice", "team_id": TEAM},
        "api_app_id": "A1234567890",
        "trigger_id": "trigger-view",
        "view": shown,
        "response_urls": [],
        **changes,
    }


def buttons(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        element
        for block in message["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
    ]


def texts(blocks: Any) -> str:
    """Return everything that blocks say, in their order."""
    if isinstance(blocks, list):
        return "\n".join(filter(None, map(texts, blocks)))
    if not isinstance(blocks, dict):
        return ""
    if blocks.get("type") in ("rich_text_section", "rich_text_preformatted"):
        return "".join(item.get("text", "") for item in blocks["elements"])
    if isinstance(blocks.get("text"), str):
        return str(blocks["text"])
    return "\n".join(filter(None, map(texts, blocks.values())))


_NUMBERS = itertools.count(1)


class Signer:
    """Signs requests as Slack does."""

    def __init__(self, clock: Clock, secret: str = SECRET) -> None:
        self.clock = clock
        self.secret = secret

    def signature(self, body: bytes, at: str) -> str:
        signed = b"v0:" + at.encode() + b":" + body
        return "v0=" + hmac.new(self.secret.encode(), signed, hashlib.sha256).hexdigest()

    def sign(self, body: bytes, **headers: str) -> Inbound:
        """Return a signed request; ``headers`` (with _ for -) replace the usual ones."""
        at = str(int(self.clock.time()))
        usual = {
            "x_slack_request_timestamp": at,
            "x_slack_signature": self.signature(body, at),
        }
        pairs = [
            (name.replace("_", "-").encode(), value.encode("latin-1"))
            for name, value in {**usual, **headers}.items()
        ]
        return Inbound("POST", "/api/messages", Headers(pairs), body, "request-1", "127.0.0.1")

    def event(self, payload: Mapping[str, Any]) -> Inbound:
        return self.sign(json.dumps(payload).encode(), content_type="application/json")

    def form(self, fields: Mapping[str, str]) -> Inbound:
        return self.sign(
            urlencode(fields).encode(), content_type="application/x-www-form-urlencoded"
        )

    def interaction(self, payload: Mapping[str, Any]) -> Inbound:
        return self.form({"payload": json.dumps(payload)})


def check_message(message: Mapping[str, Any]) -> None:
    """Raise if the simulated Slack would refuse it, or its text for notifications is no summary."""
    assert faults_of_message(message) == []
    assert message["blocks"]
    assert 0 < len(message["text"]) <= 4000


def check_view(view: Mapping[str, Any]) -> None:
    assert faults_of_view(view) == []


@dataclass
class Call:
    """One call that arrived: the method, its arguments, and when by the test's clock."""

    method: str
    arguments: dict[str, Any]
    at: float
    token: str = ""


Script = Callable[[web.Request], web.StreamResponse | None]


@dataclass
class SlackServer:
    """The Web API and its neighbours. ``script`` holds answers that replace the usual ones.

    ``messages`` is what is shown, by channel and ``ts``; ``whispers`` are the
    ephemeral ones, ``files`` what was shared, ``responses`` what came by
    response URL.
    """

    clock: Clock
    port: int = 0
    calls: list[Call] = field(default_factory=list)
    script: dict[str, list[Any]] = field(default_factory=dict)
    messages: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    whispers: list[dict[str, Any]] = field(default_factory=list)
    responses: list[dict[str, Any]] = field(default_factory=list)
    views: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    frames: list[dict[str, Any]] = field(default_factory=list)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    members: set[str] = field(default_factory=lambda: {CHANNEL, DIRECT})
    failures: list[BaseException] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def start(cls, clock: Clock) -> AsyncIterator[Self]:
        self = cls(clock)
        app = web.Application(client_max_size=32 * 1024 * 1024)
        app.router.add_route("*", "/api/{method}", self._guarded(self._api))
        app.router.add_post("/respond/{id}", self._guarded(self._respond))
        app.router.add_post("/upload/{id}", self._guarded(self._upload))
        app.router.add_get("/socket", self._socket)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        try:
            yield self
        finally:
            await runner.cleanup()
        if self.failures:
            raise self.failures[0]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/"

    def response_url(self, id: str = "1") -> str:
        return f"{self.url}/respond/{id}"

    def called(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until something is so."""
        with anyio.fail_after(10):
            while not condition():
                await anyio.sleep(0.002)

    def message(self, ts: str = "", channel: str = CHANNEL) -> dict[str, Any]:
        """Return a message of ours: the newest, unless ``ts`` is given."""
        found = [item for (place, _), item in self.messages.items() if place == channel]
        return next(item for item in found if item["ts"] == ts) if ts else found[-1]

    def _guarded(self, handler: Any) -> Any:
        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                answer: web.StreamResponse = await handler(request)
            except (AssertionError, KeyError, TypeError) as error:
                self.failures.append(error)
                raise
            return answer

        return guarded

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        arguments = dict(request.query)
        if request.content_type == "application/json":
            arguments |= await request.json()
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.calls.append(Call(method, arguments, self.clock.time(), token))
        scripted = self._scripted(method, request)
        if scripted is not None:
            return scripted
        if token != (APP_TOKEN if method == "apps.connections.open" else BOT_TOKEN):
            return web.json_response({"ok": False, "error": "invalid_auth"})
        handler = getattr(self, "_" + method.replace(".", "_"))
        return web.json_response(handler(arguments))

    def _scripted(self, name: str, request: web.Request) -> web.StreamResponse | None:
        waiting = self.script.get(name)
        answer = waiting.pop(0) if waiting else None
        if callable(answer):
            answer = answer(self.calls[-1].arguments)
        if answer == "drop":
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if isinstance(answer, str):
            return web.json_response({"ok": False, "error": answer})
        if isinstance(answer, dict):
            return web.json_response(answer)
        return answer if isinstance(answer, web.StreamResponse) else None

    def _ts(self) -> str:
        return f"17000001{next(_NUMBERS):02d}.000200"

    def _auth_test(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {"ok": True, "user_id": BOT, "team_id": TEAM, "user": "smartops", "bot_id": "B1"}

    def _chat_postMessage(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if arguments["channel"] not in self.members:
            return {"ok": False, "error": "not_in_channel"}
        check_message(arguments)
        assert arguments["unfurl_links"] is False
        assert arguments["unfurl_media"] is False
        ts = self._ts()
        self.messages[(arguments["channel"], ts)] = {**arguments, "ts": ts}
        return {"ok": True, "channel": arguments["channel"], "ts": ts}

    def _chat_postEphemeral(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if arguments["channel"] not in self.members:
            return {"ok": False, "error": "user_not_in_channel"}
        check_message(arguments)
        ts = self._ts()
        self.whispers.append({**arguments, "ts": ts, "ephemeral": True})
        return {"ok": True, "message_ts": ts}

    def _chat_update(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        key = (arguments["channel"], arguments["ts"])
        if key not in self.messages:
            return {"ok": False, "error": "message_not_found"}
        check_message(arguments)
        self.messages[key] = {**self.messages[key], **arguments}
        return {"ok": True, "channel": arguments["channel"], "ts": arguments["ts"]}

    def _chat_delete(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        del self.messages[(arguments["channel"], arguments["ts"])]
        return {"ok": True}

    def _views_open(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        check_view(arguments["view"])
        self.views.append(arguments["view"])
        return {"ok": True, "view": {"id": "V1"}}

    def _conversations_open(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {"ok": True, "channel": {"id": DIRECT}}

    def _files_getUploadURLExternal(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        file = f"F{len(self.files) + 1}"
        self.files[file] = {**arguments}
        return {"ok": True, "upload_url": f"{self.url}/upload/{file}", "file_id": file}

    def _files_completeUploadExternal(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if arguments["channel_id"] not in self.members:
            return {"ok": False, "error": "channel_not_found"}
        for file in json.loads(arguments["files"]):
            shared = self.files[file["id"]]
            assert len(shared["content"]) == int(shared["length"])
            shared |= {"title": file["title"], "shared": arguments["channel_id"]}
            shared["thread_ts"] = arguments.get("thread_ts", "")
        return {"ok": True}

    def _apps_connections_open(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {"ok": True, "url": f"ws://127.0.0.1:{self.port}/socket?ticket=1"}

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        assert "Authorization" not in request.headers
        message = await request.json()
        self.calls.append(Call("response_url", message, self.clock.time()))
        scripted = self._scripted("response_url", request)
        if scripted is not None:
            return scripted
        check_message(message)
        self.responses.append(message)
        return web.Response(text="ok")

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        assert "Authorization" not in request.headers
        self.calls.append(Call("upload", {}, self.clock.time()))
        scripted = self._scripted("upload", request)
        if scripted is not None:
            return scripted
        self.files[request.match_info["id"]]["content"] = await request.read()
        return web.Response(text="OK - 5")

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        await socket.send_json({"type": "hello", "num_connections": len(self.sockets)})
        async for frame in socket:
            if frame.type is WSMsgType.TEXT:
                self.frames.append(json.loads(frame.data))
        return socket

    async def push(self, kind: str, payload: Mapping[str, Any], id: str, **more: Any) -> None:
        """Send an envelope over the newest socket."""
        envelope = {"envelope_id": id, "type": kind, "payload": payload, **more}
        await self.sockets[-1].send_json(envelope)

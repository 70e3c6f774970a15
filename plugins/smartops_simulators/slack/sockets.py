"""Socket Mode: SmartOps has connected, and what happens goes to one of its connections."""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import anyio
from aiohttp import WSMsgType, web

from smartops_simulators.platform import Delivered

if TYPE_CHECKING:
    from .service import SlackSimulator

MOST_CONNECTIONS = 10


class Sockets:
    """The connections. ``frames`` are what SmartOps sent."""

    def __init__(self, slack: SlackSimulator) -> None:
        self.open: list[web.WebSocketResponse] = []
        self.frames: list[dict[str, Any]] = []
        self._slack = slack
        self._tickets: set[str] = set()
        self._waiting: dict[str, anyio.Event] = {}
        self._numbers = itertools.count(1)

    def ticket(self) -> str:
        ticket = secrets.token_urlsafe(12)
        self._tickets.add(ticket)
        base = self._slack.url.replace("http", "ws", 1)
        return f"{base}/link/?ticket={ticket}&app_id={self._slack.app.id}"

    def routes(self, app: web.Application) -> None:
        app.router.add_get("/link/", self._serve)

    async def push(self, kind: str, payload: Mapping[str, Any], id: str, **more: Any) -> None:
        """Send an envelope over the newest connection, and wait for nothing."""
        envelope = {"envelope_id": id, "type": kind, "payload": payload, **more}
        await self.open[-1].send_json(envelope)

    async def deliver(
        self, kind: str, payload: Mapping[str, Any], retry: int = 0, why: str = ""
    ) -> Delivered:
        """Send an envelope over the oldest connection, and wait until it is acknowledged."""
        if not self.open:
            return Delivered(0, failure="connection_failed")
        name = f"envelope-{next(self._numbers)}"
        envelope: dict[str, Any] = {"envelope_id": name, "type": kind, "payload": payload}
        answers = kind == "slash_commands" or payload.get("type") == "view_submission"
        if kind == "events_api":
            envelope |= {"retry_attempt": retry, "retry_reason": why}
        self._waiting[name] = anyio.Event()
        await self.open[0].send_json({**envelope, "accepts_response_payload": answers})
        try:
            with self._slack.clock.fail_after(self._slack.timeout):
                await self._waiting[name].wait()
        except TimeoutError:
            return Delivered(0, failure="timeout")
        finally:
            del self._waiting[name]
        frame = next(item for item in self.frames if item["envelope_id"] == name)
        answer = frame.get("payload")
        if answer and not answers:
            self._slack.breaches.append(f"the acknowledgement of {name} has a payload")
        return Delivered(200, json.dumps(answer).encode() if answer else b"")

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Announce to the oldest connection that it ends, and end it."""
        socket = self.open.pop(0)
        await socket.send_json({"type": "disconnect", "reason": reason, "debug_info": {}})
        await socket.close()

    async def aclose(self) -> None:
        for socket in list(self.open):
            await socket.close()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets or len(self.open) >= MOST_CONNECTIONS:
            return web.Response(status=403)
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.open.append(socket)
        hello = {
            "type": "hello",
            "num_connections": len(self.open),
            "debug_info": {"host": "simulated", "approximate_connection_time": 18060},
            "connection_info": {"app_id": self._slack.app.id},
        }
        await socket.send_json(hello)
        self._slack.trouble = ""
        self._slack.changed()
        try:
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    self._acknowledge(frame.data)
        finally:
            if socket in self.open:
                self.open.remove(socket)
            self._slack.changed()
        return socket

    def _acknowledge(self, text: str) -> None:
        try:
            frame = json.loads(text)
            name = frame["envelope_id"]
        except (ValueError, TypeError, KeyError):
            self._slack.breaches.append(f"a frame is no acknowledgement: {text:.80}")
            return
        self.frames.append(frame)
        if name in self._waiting:
            self._waiting[name].set()
        self._slack.changed()

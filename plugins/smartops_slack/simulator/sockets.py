"""Socket Mode: the app has connected, and what happens goes to one of its connections."""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
from aiohttp import WSMsgType, web

from smartops import Clock

from .sender import AGAIN_AFTER, PATIENCE, Delivered

MOST_CONNECTIONS = 10


@dataclass(slots=True)
class Sockets:
    """The app's connections. ``acknowledged`` are the ids of envelopes, in order."""

    clock: Clock
    app_id: str
    breaches: list[str]
    url: str = ""
    open: list[web.WebSocketResponse] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    changed: Callable[[], None] = lambda: None
    _tickets: set[str] = field(default_factory=set)
    _waiting: dict[str, anyio.Event] = field(default_factory=dict)
    _answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def ticket(self) -> str:
        """Return the URL of one new connection."""
        ticket = secrets.token_urlsafe(12)
        self._tickets.add(ticket)
        return f"{self.url.replace('http', 'ws', 1)}/link/?ticket={ticket}&app_id={self.app_id}"

    def routes(self, app: web.Application) -> None:
        """Serve the connections."""
        app.router.add_get("/link/", self._serve)

    async def deliver(
        self, kind: str, payload: Mapping[str, Any], *, answers: bool = False
    ) -> Delivered:
        """Send an envelope; an event that is not acknowledged in time is sent again.

        ``answers`` says that the acknowledgement may carry a payload.
        """
        delivered = await self._once(kind, payload, answers=answers)
        for number, pause in enumerate(AGAIN_AFTER if kind == "events_api" else (), 1):
            if delivered.taken:
                break
            await self.clock.sleep(pause)
            delivered = await self._once(
                kind,
                payload,
                answers=answers,
                retry_attempt=number,
                retry_reason=delivered.failure,
            )
        return delivered

    async def _once(
        self, kind: str, payload: Mapping[str, Any], *, answers: bool, **more: Any
    ) -> Delivered:
        if not self.open:
            return Delivered(0, failure="connection_failed")
        name = f"envelope-{next(self._numbers)}"
        envelope = {"envelope_id": name, "type": kind, "payload": payload}
        if kind == "events_api":
            more = {"retry_attempt": 0, "retry_reason": "", **more}
        taken = self._waiting[name] = anyio.Event()
        await self.open[0].send_json({**envelope, **more, "accepts_response_payload": answers})
        try:
            with self.clock.fail_after(PATIENCE):
                await taken.wait()
        except TimeoutError:
            return Delivered(0, failure="timeout")
        finally:
            del self._waiting[name]
        answer = self._answers.pop(name).get("payload")
        if answer and not answers:
            self.breaches.append(f"envelope {name} was acknowledged with a payload nobody reads")
        return Delivered(200, json.dumps(answer).encode() if answer else b"")

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Tell the oldest connection that it ends, and end it."""
        socket = self.open.pop(0)
        await socket.send_json({"type": "disconnect", "reason": reason, "debug_info": {}})
        await socket.close()

    async def aclose(self) -> None:
        """End all connections."""
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
            "connection_info": {"app_id": self.app_id},
        }
        await socket.send_json(hello)
        self.changed()
        try:
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    self._acknowledge(frame.data)
        finally:
            if socket in self.open:
                self.open.remove(socket)
            self.changed()
        return socket

    def _acknowledge(self, frame: str) -> None:
        try:
            answer = json.loads(frame)
            name = answer["envelope_id"]
        except (ValueError, TypeError, KeyError):
            self.breaches.append(f"a frame is no acknowledgement: {frame:.80}")
            return
        self.acknowledged.append(name)
        if name in self._waiting:
            self._answers[name] = answer
            self._waiting[name].set()
        self.changed()

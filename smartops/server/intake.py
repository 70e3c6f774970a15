"""The ASGI application: serves messages itself, and passes other requests to Quart.

Messages and refusals do not enter the web framework. Every failure is answered
with the channel's own refusal or the error envelope of the wire contract, without
internal details.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass, field
from time import perf_counter

from smartops.app import App
from smartops.channel import Channel
from smartops.contained import Caught, contained
from smartops.errors import AuthenticationFailed, DeadlineExceeded, InternalError, Refusal
from smartops.event import EventSource
from smartops.message import Claims, Headers, Inbound, Message, Receipt, Response
from smartops.reply import Quota, Reply, Text, View
from smartops.telemetry import REQUEST_ID
from smartops.wire import dump_json, envelope

from . import bounds
from .asgi import Asgi, Event, Receive, Scope, Send, answer
from .bodies import Bodies, Disconnected, replayed
from .forwarding import Forwarding
from .headers import (
    answer_headers,
    caller_request_id,
    check,
    peer,
    refusal_headers,
    retry_headers,
)
from .refusals import Brake, WrongMethod, unrecognised

log = logging.getLogger("smartops.server")

PATH = "/api/messages"
HOOKS = "/hooks/"
GONE = 499
"""Logged as the status of a request whose client disconnected."""


@dataclass(slots=True, eq=False)
class Exchange:
    """One request on the shared path, and what is known of it so far."""

    scope: Scope
    deliver: Send
    request_id: str
    started: float = field(default_factory=perf_counter)
    inbound: Inbound | None = None
    channel: Channel | None = None
    complete: bool = False
    quota: Quota | None = None
    retry_after: int | None = None
    reason: str = ""
    deadline: float | None = None
    unread: bool = False

    async def send(self, event: Event) -> None:
        """Send an event, or nothing after the client has taken too long to read the response."""
        if self.deadline is None:
            self.deadline = asyncio.get_running_loop().time() + bounds.SEND_SECONDS
        if self.unread:
            return
        try:
            async with asyncio.timeout_at(self.deadline):
                await self.deliver(event)
        except TimeoutError:
            self.unread = True
            self.reason = "the client did not read its answer"


class Intake:
    """An ASGI application: messages are served here, everything else by ``rest``."""

    def __init__(self, app: App, rest: Asgi) -> None:
        settings = app.settings.server
        self._app = app
        self._rest = rest
        self._path = settings.base_path + PATH
        self._clock = app.composition.services.clock
        self._bodies = Bodies(settings.max_body, settings.body_timeout.total_seconds())
        self._forwarding = Forwarding(settings.trusted_proxies)
        self._brake = Brake(self._clock)
        self._wait = settings.wait.total_seconds()
        self._channels = app.channels
        self._sources = {settings.base_path + HOOKS + item.name: item for item in app.sources}
        self._fallback = next((item for item in app.channels if item.fallback), None)
        self._working: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._abandoned = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
            return
        scope = self._forwarding.applied(scope)
        exchange = Exchange(scope, send, secrets.token_hex(8))
        REQUEST_ID.set(exchange.request_id)
        task = asyncio.current_task()
        assert task is not None
        self._working.add(task)
        try:
            await self._serve(exchange, receive)
        finally:
            self._working.discard(task)
            if not self._working:
                self._idle.set()

    @property
    def working(self) -> int:
        """The number of requests in flight."""
        return len(self._working)

    async def idle(self) -> None:
        """Wait until no request is in flight."""
        while self._working:
            self._idle.clear()
            await self._idle.wait()

    def abandon(self) -> None:
        """Cancel the requests in flight; they are answered that the outcome is unknown."""
        self._abandoned = True
        for task in self._working:
            task.cancel()

    async def _serve(self, exchange: Exchange, receive: Receive) -> None:
        response: Response | None = None
        try:
            with Caught() as caught:
                response = await self._response(exchange, receive)
            if caught.error is not None:
                response = self._failed(exchange, caught.error)
            if isinstance(caught.error, AuthenticationFailed):
                exchange.inbound = caught.error = None  # the body is not held meanwhile
                await self._brake.pause()
        except asyncio.CancelledError:
            if not self._abandoned:
                raise
            response = self._enveloped(exchange, _abandoned())
        if response is not None and exchange.deadline is None:  # else Quart failed after it began
            await self._send(exchange, response)

    def _failed(self, exchange: Exchange, error: BaseException) -> Response | None:
        """Return the answer to a request that failed; None if the client is gone."""
        if isinstance(error, Disconnected):
            exchange.reason = "the client went away"
            self._observe(exchange, GONE)
            return None
        if isinstance(error, Refusal):
            return self._refused(exchange, error)
        channel = f" in the channel {exchange.channel.name}" if exchange.channel else ""
        log.error("request failed%s", channel, exc_info=error)
        return self._enveloped(exchange, _unforeseen(exchange))

    async def _response(self, exchange: Exchange, receive: Receive) -> Response | None:
        """Return the answer to a message; None if Quart has answered."""
        scope = exchange.scope
        check(scope)
        is_message = scope["path"] == self._path
        source = self._sources.get(scope["path"])
        if is_message and scope["method"] != "POST":
            raise WrongMethod("Messages are sent with POST")
        if source is not None and scope["method"] not in ("POST", "PUT"):
            raise WrongMethod("Events are sent with POST")
        body = await self._bodies.read(scope["headers"], receive)
        exchange.complete = True
        if not is_message and source is None:
            await self._pass_on(exchange, replayed(body, receive))
            return None
        inbound = exchange.inbound = Inbound(
            method=scope["method"],
            path=scope["path"],
            headers=Headers(scope["headers"]),
            body=body,
            request_id=exchange.request_id,
            peer=peer(scope),
        )
        if source is not None:
            return await self._reported(source, inbound)
        channel = exchange.channel = self._choose(inbound)
        proof = channel.authenticate(inbound)
        claims = await self._app.authenticated(channel.name, inbound, proof)
        try:
            receipt = channel.read(inbound, claims)
        except Refusal as refusal:
            raise await self._counted(exchange, refusal, claims) from None
        if receipt.waits:
            return await self._handled(exchange, channel, receipt)
        if receipt.messages:
            await self._app.accept(channel, receipt.messages)
        return receipt.ack

    async def _reported(self, source: EventSource, inbound: Inbound) -> Response:
        """Store the events of a webhook; its sender is answered once they are durable."""
        await self._app.authenticated(source.name, inbound, source.authenticate(inbound))
        events = await contained(source.name, source.read(inbound))
        await self._app.report(source, events)
        return Response(200, dump_json({"status": "success", "events": len(events)}))

    def _choose(self, inbound: Inbound) -> Channel:
        for channel in self._channels:
            if channel.recognises(inbound):
                return channel
        if self._fallback is None:
            raise unrecognised()
        return self._fallback

    async def _counted(self, exchange: Exchange, refusal: Refusal, claims: Claims) -> Refusal:
        """Count an authenticated caller's malformed request against the rate limits."""
        reply = await self._app.refuse(refusal, claims, exchange.request_id)
        exchange.quota = reply.quota
        return reply.error or refusal

    async def _handled(self, exchange: Exchange, channel: Channel, receipt: Receipt) -> Response:
        """Respond with the replies that are ready in time, else with pending ones."""
        pushing = channel if receipt.ack_timeout else None
        end = perf_counter() + (receipt.ack_timeout or self._wait)
        replies = []
        for message in receipt.messages:
            left = max(0.0, end - perf_counter())
            reply = await self._app.answer(message, left, pushing)
            replies.append(reply or _pending(message, pushed=pushing is not None))
        for reply in replies:
            exchange.quota = reply.quota or exchange.quota
            exchange.retry_after = reply.error.retry_after if reply.error else None
        return channel.respond(receipt.messages, replies)

    def _refused(self, exchange: Exchange, refusal: Refusal) -> Response:
        exchange.retry_after = refusal.retry_after
        exchange.reason = refusal.reason or f"{refusal.code}: {refusal.message}"
        if exchange.channel is not None and exchange.inbound is not None:
            with Caught(log, "channel %s could not refuse", exchange.channel.name):
                own = exchange.channel.refuse(exchange.inbound, refusal)
                if own is not None:
                    return own
        return self._enveloped(exchange, refusal)

    def _enveloped(self, exchange: Exchange, refusal: Refusal) -> Response:
        exchange.reason = exchange.reason or f"{refusal.code}: {refusal.message}"
        reply = Reply(status="error", error=refusal, request_id=exchange.request_id)
        body = dump_json(envelope(reply, self._clock.now()))
        return Response(refusal.status, body, headers=refusal_headers(refusal))

    async def _send(self, exchange: Exchange, response: Response) -> None:
        status, body = response.status, response.body
        headers = answer_headers(response, exchange.request_id, exchange.quota)
        if exchange.retry_after and status in (429, 503):
            headers += retry_headers(exchange.retry_after, status)
        if not exchange.complete and exchange.scope["http_version"].startswith("1"):
            headers.append((b"Connection", b"close"))  # the rest of the body is not read
        await answer(exchange.send, status, headers, body)
        self._observe(exchange, status)

    def _observe(self, exchange: Exchange, status: int, *, quiet: bool = False) -> None:
        scope = exchange.scope
        self._app.telemetry.request(
            request_id=exchange.request_id,
            method=scope["method"],
            path=scope["path"][:200],
            peer=peer(scope),
            caller_request_id=caller_request_id(scope["headers"]),
            channel=exchange.channel.name if exchange.channel else "",
            status=status,
            seconds=perf_counter() - exchange.started,
            reason=exchange.reason,
            quiet=quiet,
        )

    async def _pass_on(self, exchange: Exchange, receive: Receive) -> None:
        """Pass a request to Quart; add the request id to its response, and log it."""
        status = GONE

        async def send(event: Event) -> None:
            nonlocal status
            if event["type"] == "http.response.start":
                status = event["status"]
                own = (b"X-Request-Id", exchange.request_id.encode("ascii"))
                event = {**event, "headers": [*event["headers"], own]}
            await exchange.send(event)

        try:
            await self._rest(exchange.scope, receive, send)
        finally:
            self._observe(exchange, status, quiet=status < 400)


def _pending(message: Message, *, pushed: bool) -> Reply:
    """Return the reply for a message in flight, whose own reply may be ``pushed`` later."""
    view: View
    if pushed:
        view = (Text("Working on it", style="note"),)
    else:
        how = (
            "Send the same message with the same id again to get the answer."
            if message.id
            else "A message with an id could be sent again to get the answer."
        )
        view = (Text("This takes longer and is still in progress."), Text(how, style="note"))
    return Reply(status="pending", view=view, request_id=message.request_id)


def _unforeseen(exchange: Exchange) -> Refusal:
    return InternalError("Something went wrong", details=f"Reference: {exchange.request_id}")


def _abandoned() -> Refusal:
    return DeadlineExceeded(
        "SmartOps is shutting down and did not wait for this to finish",
        details="The result is unknown. Check the target's state before you retry.",
    )

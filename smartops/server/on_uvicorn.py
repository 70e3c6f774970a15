"""uvicorn as the engine: httptools reads, uvloop turns. Less CPU a request, HTTP/1.1 only."""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import anyio
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from smartops.services import Deadlines

from . import bounds
from .asgi import Asgi, Receive, Scope, Send

new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None
if sys.platform != "win32":
    import uvloop

    new_loop = uvloop.new_event_loop

log = logging.getLogger("smartops.server")

TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
_BODY = frozenset({b"content-length", b"transfer-encoding"})
NO_UPGRADE = b"HTTP/1.1 400 A request with a body cannot be an upgrade\r\n"


async def listen(
    app: Asgi,
    listener: socket.socket,
    *,
    ready: Callable[[], None],
    stop: anyio.Event,
    grace: float,
) -> None:
    """Serve; see :class:`~smartops.server.engines.Listen`."""
    server = _Server(_config(_reported(app), grace), ready)

    async def pass_on() -> None:
        await stop.wait()
        server.should_exit = True

    async with anyio.create_task_group() as group:
        group.start_soon(pass_on)
        try:
            await server.serve([listener])
        finally:
            with anyio.CancelScope(shield=True):
                await _cut_off(server)
        group.cancel_scope.cancel()


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it is ready and leaves the signals alone."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override] # wider
        return nullcontext()


class _Connection(HttpToolsProtocol):
    """uvicorn's connection with bounds: on its headers, and on how long it may be idle.

    ``idle`` watches over connections that owe us something: the headers of a
    request, or the reading of an answer.
    """

    def __init__(self, idle: Deadlines[_Connection], **options: Any) -> None:
        super().__init__(**options)
        self._idle = idle
        self._in_head = False
        self._head = 0  # bytes of it that came after the chunk in which it began
        self._chunk = 0
        self._refusal = b""  # the status line with which it is refused

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._idle.begin(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._idle.end(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._chunk = len(data)
        super().data_received(data)
        if self._in_head:
            self._head += len(data)
            if self._head > bounds.MAX_HEADERS:
                self._refusal = TOO_LARGE
                self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head = True, -self._chunk

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._refusal = self._judged()
        if self._refusal:
            raise ValueError("the request is refused")  # so the parser stops
        self._idle.end(self)
        super().on_headers_complete()

    def _judged(self) -> bytes:
        """Return what is wrong with the headers; empty if nothing is."""
        size = len(self.url) + sum([len(name) + len(value) for name, value in self.headers])
        if size > bounds.MAX_HEADERS:
            return TOO_LARGE
        if self.parser.should_upgrade() and not _BODY.isdisjoint(dict(self.headers)):
            return NO_UPGRADE  # the parser would take the body for another protocol
        return b""

    def send_400_response(self, msg: str) -> None:
        if not self._refusal:
            super().send_400_response(msg)
        elif not self.transport.is_closing():
            self.transport.write(self._refusal + b"Content-Length: 0\r\nConnection: close\r\n\r\n")
            self.transport.close()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete:  # else it is another's turn, which came early
            self._idle.begin(self)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._idle.begin(self)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.cycle is not None and not self.cycle.response_complete:
            self._idle.end(self)

    def give_up(self) -> None:
        self.transport.abort()


def _reported(app: Asgi) -> Asgi:
    """Return the app with its failures logged as ours; uvicorn takes being cut off for one."""

    async def reported(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError:
            pass
        except Exception:
            log.exception("request failed")
            raise

    return reported


async def _cut_off(server: uvicorn.Server) -> None:
    """Close what is left: connections whose answer is not read, or all if there is no time."""
    state = server.server_state
    for listening in server.servers if server.started else ():
        listening.close()
    for connection in list(state.connections):
        connection.transport.abort()
    for task in list(state.tasks):
        task.cancel()
    await asyncio.gather(*state.tasks, return_exceptions=True)


def _config(app: Asgi, grace: float) -> uvicorn.Config:
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # it has nothing that is not ours
    idle = Deadlines(bounds.KEEP_ALIVE_SECONDS, _Connection.give_up)
    return uvicorn.Config(
        app,
        http=partial(_Connection, idle),  # type: ignore[arg-type] # any factory of one will do
        ws="none",
        lifespan="on",
        interface="asgi3",
        backlog=bounds.BACKLOG,
        timeout_keep_alive=bounds.KEEP_ALIVE_SECONDS,  # type: ignore[arg-type] # not only int
        timeout_graceful_shutdown=math.ceil(grace),
        proxy_headers=False,  # whoever sends them is not to be believed
        server_header=False,
        access_log=False,
        log_config=None,
    )

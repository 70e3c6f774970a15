"""The HTTP server of ``smartops serve``: hypercorn on bounded sockets.

HTTP/1.1 only; TLS is left to a proxy.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import anyio
import h11
import hypercorn.protocol
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.utils import wrap_app

from . import bounds
from .asgi import Asgi
from .connections import READ_SIZE, Listener, capacity


async def listen(
    app: Asgi,
    listener: socket.socket,
    *,
    ready: Callable[[], None],
    stop: anyio.Event,
    grace: float,
) -> None:
    """Serve the connections of ``listener``, which is closed in the end.

    ``ready`` is called once requests are answered. After ``stop`` nothing new is
    accepted, and requests in flight have ``grace`` seconds to finish. Returns when all
    connections are closed; if it is cancelled, it closes them.
    """
    bounded = Listener(listener, capacity())
    arguments = (wrap_app(bounded.tracked(app), 0, "asgi"), asyncio.get_running_loop(), _config())  # type: ignore[arg-type] # our ASGI types are plainer
    context = WorkerContext(None)
    in_flight: dict[asyncio.Task[Any], _Connection] = {}

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        in_flight[task] = _Connection(*arguments, context, {}, reader, writer)
        try:
            await in_flight[task]
        finally:
            del in_flight[task]

    server = await asyncio.start_server(
        connected, sock=bounded, backlog=bounds.BACKLOG, limit=READ_SIZE
    )
    try:
        ready()
        await stop.wait()
        server.close()
        await context.terminated.set()
        for connection in in_flight.values():
            connection.idle.expire()
        if in_flight:
            await asyncio.wait(in_flight, timeout=grace)
    finally:
        server.close()
        bounded.cut_off()
        for task in in_flight:
            task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.gather(*in_flight, return_exceptions=True)


class _Http1(H11Protocol):
    """HTTP/1.1 without upgrades to HTTP/2, in which many responses can stay unread.

    The head of a response is sent together with the beginning of its body.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._send, self.send = self.send, self._send_joined
        self._head = b""
        self._is_head = False

    async def _send_h11_event(self, event: Any) -> None:
        self._is_head = isinstance(event, h11.Response)
        await super()._send_h11_event(event)

    async def _send_joined(self, event: Event) -> None:
        if isinstance(event, RawData):
            if self._is_head:
                self._head = event.data
                return
            event, self._head = RawData(self._head + event.data), b""
        await self._send(event)

    async def _check_protocol(self, event: h11.Request) -> None:
        """Ignore ``Upgrade: h2c`` and the preface of HTTP/2."""


hypercorn.protocol.H11Protocol = _Http1  # type: ignore[attr-defined,assignment] # there is no setting


class _IdleTimer:
    """Closes an idle connection; hypercorn's own starts and cancels two tasks for each request."""

    def __init__(self, context: WorkerContext, close: Callable[[], Any]) -> None:
        self._context = context
        self._close = close
        self._timer: asyncio.TimerHandle | None = None
        self._spawn: Callable[..., Any] | None = None

    async def restart(self, group: Any, _: object) -> None:
        """Close the connection after a time, unless it is stopped before."""
        await self.stop()
        self._spawn = group.spawn
        seconds = 0.0 if self._context.terminated.is_set() else bounds.KEEP_ALIVE_SECONDS
        self._timer = asyncio.get_running_loop().call_later(seconds, self.expire)

    async def stop(self) -> None:
        """Leave the connection open."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def expire(self) -> None:
        """Close the connection now if it is idle."""
        if self._timer is not None and self._spawn is not None:
            self._timer.cancel()
            self._timer = None
            self._spawn(self._close)


class _Connection(TCPServer):
    """A connection that ends with its client; hypercorn would keep it for KEEP_ALIVE_SECONDS."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._reading = anyio.CancelScope()
        self.idle = _IdleTimer(self.context, self._initiate_server_close)
        self.idle_task = self.idle  # type: ignore[assignment] # it has the same methods

    async def _read_data(self) -> None:
        with self._reading, suppress(OSError):
            while data := await self.reader.read(READ_SIZE):
                await self.protocol.handle(RawData(data))
        await self.protocol.handle(Closed())
        await self.idle_task.stop()

    async def _close(self) -> None:
        with suppress(OSError):  # the client did not acknowledge the last bytes in time
            await super()._close()
        self._reading.cancel()  # it may wait behind a response that was not finished


def _config() -> Config:
    config = Config()
    config.keep_alive_max_requests = sys.maxsize
    config.h11_max_incomplete_size = bounds.MAX_HEADERS
    config.max_app_queue_size = 1  # so that a body is not read before it is asked for
    config.include_server_header = False
    config.accesslog = None
    config.errorlog = logging.getLogger("smartops.hypercorn")
    config.errorlog.setLevel(logging.WARNING)
    return config

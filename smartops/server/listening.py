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
from hypercorn.events import Closed, RawData
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
    in_flight: set[asyncio.Task[Any]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        in_flight.add(task)
        try:
            await _Connection(*arguments, context, {}, reader, writer)
        finally:
            in_flight.discard(task)

    server = await asyncio.start_server(
        connected, sock=bounded, backlog=bounds.BACKLOG, limit=READ_SIZE
    )
    try:
        ready()
        await stop.wait()
        server.close()
        await context.terminated.set()
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
    """HTTP/1.1 without upgrades to HTTP/2, in which many responses can stay unread."""

    async def _check_protocol(self, event: h11.Request) -> None:
        """Ignore ``Upgrade: h2c`` and the preface of HTTP/2."""


hypercorn.protocol.H11Protocol = _Http1  # type: ignore[attr-defined] # there is no setting for it


class _Connection(TCPServer):
    """A connection that ends with its client; hypercorn would keep it for KEEP_ALIVE_SECONDS."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._reading = anyio.CancelScope()

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
    config.keep_alive_timeout = bounds.KEEP_ALIVE_SECONDS
    config.keep_alive_max_requests = sys.maxsize
    config.h11_max_incomplete_size = bounds.MAX_HEADERS
    config.max_app_queue_size = 1  # so that a body is not read before it is asked for
    config.include_server_header = False
    config.accesslog = None
    config.errorlog = logging.getLogger("smartops.hypercorn")
    config.errorlog.setLevel(logging.WARNING)
    return config

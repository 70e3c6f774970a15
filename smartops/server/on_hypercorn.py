"""hypercorn as the engine: pure Python, on asyncio's own loop, HTTP/1.1 only."""

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
import hypercorn.asyncio.run
import hypercorn.protocol
from hypercorn.asyncio import serve
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.config import Config, Sockets
from hypercorn.protocol.h11 import H11Protocol

from . import bounds
from .asgi import Asgi
from .connections import Listener, capacity


async def listen(
    app: Asgi,
    listener: socket.socket,
    *,
    ready: Callable[[], None],
    stop: anyio.Event,
    grace: float,
) -> None:
    """Serve; see :class:`~smartops.server.engines.Listen`."""

    async def stopped() -> None:
        ready()
        await stop.wait()
        # Some connections that are cut off in the end are long dead: hypercorn forgets those
        # that it closes while further requests wait in them.
        asyncio.get_running_loop().set_exception_handler(_without_cancellations)

    bounded = Listener(listener, capacity())
    config = _Config(bounded, grace)
    # Cancelled while it waits for connections, hypercorn trips over its own gathering.
    with suppress(asyncio.InvalidStateError):
        await serve(bounded.tracked(app), config, shutdown_trigger=stopped)  # type: ignore[arg-type] # our ASGI types are plainer


def _without_cancellations(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report what the loop cannot handle, but for connections that were cut off."""
    if not isinstance(context.get("exception"), asyncio.CancelledError):
        loop.default_exception_handler(context)


class _Http1(H11Protocol):
    """HTTP/1.1 that does not change to HTTP/2, whose flow control can hold many answers unread."""

    async def _check_protocol(self, event: h11.Request) -> None:
        """Ignore ``Upgrade: h2c`` and the preface of HTTP/2."""


class _Connection(TCPServer):
    """A connection that ends with its client; hypercorn would keep it for KEEP_ALIVE_SECONDS."""

    async def _read_data(self) -> None:
        await super()._read_data()
        await self.idle_task.stop()

    async def _close(self) -> None:
        with suppress(OSError):  # what was sent last was not acknowledged in time
            await super()._close()


# hypercorn has no settings for these.
hypercorn.protocol.H11Protocol = _Http1  # type: ignore[attr-defined]
hypercorn.asyncio.run.TCPServer = _Connection  # type: ignore[attr-defined]


class _Config(Config):
    """hypercorn's configuration, with a listening socket of our own."""

    def __init__(self, listener: Listener, grace: float) -> None:
        self._listener = listener
        self.backlog = bounds.BACKLOG
        self.graceful_timeout = grace
        self.keep_alive_timeout = bounds.KEEP_ALIVE_SECONDS
        self.keep_alive_max_requests = sys.maxsize  # closing them loses connections, see listen
        self.h11_max_incomplete_size = bounds.MAX_HEADERS
        self.max_app_queue_size = 1  # so that a body is not read before it is asked for
        self.include_server_header = False
        self.accesslog = None
        self.errorlog = logging.getLogger("smartops.hypercorn")
        self.errorlog.setLevel(logging.WARNING)

    def create_sockets(self) -> Sockets:
        """Return the one socket to accept from."""
        return Sockets([], [self._listener], [])

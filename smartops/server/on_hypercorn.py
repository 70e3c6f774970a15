"""hypercorn as the engine: pure Python, on asyncio's own loop, with HTTP/2."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import anyio
from hypercorn.asyncio import serve
from hypercorn.config import Config

from . import bounds
from .asgi import Asgi


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

    config = _config(listener.detach(), grace)
    # Cancelled while it waits for connections, hypercorn trips over its own gathering.
    with suppress(asyncio.InvalidStateError):
        await serve(app, config, shutdown_trigger=stopped)  # type: ignore[arg-type] # our ASGI types are plainer


def _without_cancellations(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report what the loop cannot handle, but for connections that were cut off."""
    if not isinstance(context.get("exception"), asyncio.CancelledError):
        loop.default_exception_handler(context)


def _config(file: int, grace: float) -> Config:
    config = Config()
    config.bind = [f"fd://{file}"]
    config.backlog = bounds.BACKLOG
    config.graceful_timeout = grace
    config.keep_alive_timeout = bounds.KEEP_ALIVE_SECONDS
    config.keep_alive_max_requests = sys.maxsize  # closing them loses connections, see listen
    config.h11_max_incomplete_size = bounds.MAX_HEADERS
    config.h2_max_header_list_size = bounds.MAX_HEADERS
    config.include_server_header = False
    config.accesslog = None
    config.errorlog = logging.getLogger("smartops.hypercorn")
    logging.getLogger("smartops.hypercorn").setLevel(logging.WARNING)
    return config

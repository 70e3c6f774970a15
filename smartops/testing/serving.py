"""A running app on a free port, for tests over HTTP."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from hypercorn.asyncio import serve
from hypercorn.config import Config

from smartops.app import App
from smartops.server import Intake
from smartops.server.asgi import Receive, Scope, Send, answer
from smartops.server.intake import PATH


@asynccontextmanager
async def listening(app: App) -> AsyncIterator[str]:
    """Serve the messages of a running app on 127.0.0.1; yields the URL to post them to.

    Probes and metrics are not served. At the end, requests in flight are aborted,
    as by a crash.
    """
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.graceful_timeout = 0.1
    config.errorlog = logging.getLogger("smartops.hypercorn")
    sockets = config.create_sockets()
    (listener,) = sockets.insecure_sockets
    listener.listen()
    port = listener.getsockname()[1]
    config.bind = [f"fd://{listener.detach()}"]
    stop = anyio.Event()
    async with app.serving(), anyio.create_task_group() as group:

        async def run() -> None:
            await serve(Intake(app, nothing), config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]

        group.start_soon(run)
        yield f"http://127.0.0.1:{port}{app.settings.server.base_path}{PATH}"
        stop.set()


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 404 to every request that is not for messages."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await answer(send, 404, [], b"")

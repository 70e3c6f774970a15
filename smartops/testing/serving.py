"""A running app on a free port, for tests over HTTP."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import anyio

from smartops.app import App
from smartops.server import Intake
from smartops.server.listening import listen
from smartops.server.probes import PATH


@asynccontextmanager
async def listening(app: App) -> AsyncIterator[str]:
    """Serve a running app on 127.0.0.1; yields the URL to post messages to.

    At the end, requests in flight are aborted, as by a crash.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    stop = anyio.Event()
    async with app.serving(), anyio.create_task_group() as group:
        started = anyio.Event()
        group.start_soon(
            partial(listen, Intake(app), listener, ready=started.set, stop=stop, grace=0.1)
        )
        await started.wait()
        yield f"http://127.0.0.1:{port}{app.settings.server.base_path}{PATH}"
        stop.set()

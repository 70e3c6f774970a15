"""SmartOps as an ASGI application, for any server that knows lifespan.

    SMARTOPS_CONFIG=smartops.yaml uvicorn --factory smartops.server:create_app
    SMARTOPS_CONFIG=smartops.yaml hypercorn 'smartops.server:create_app()'

The server's own settings decide about its address and connections; ``server.host``
and ``server.port`` are not used.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smartops.app import App, compose
from smartops.errors import StartupError
from smartops.telemetry import configure

from .asgi import Asgi, Receive, Scope, Send
from .runner import Front


def create_app() -> Asgi:
    """Return the application of the configuration file that ``SMARTOPS_CONFIG`` names.

    Without the variable it is ``smartops.yaml`` in the current folder. Raises
    StartupError if the configuration is wrong.
    """
    return _Application(load(Path(os.environ.get("SMARTOPS_CONFIG") or "smartops.yaml")))


def load(config: Path, overrides: Mapping[str, Any] | None = None) -> App:
    """Configure the log, and return the app of a configuration file."""
    from prometheus_client import disable_created_metrics

    configure()
    composition = compose(config, overrides=overrides)
    log = composition.settings.log
    configure(log.level, log.format, masker=composition.masker)
    # Otherwise they are half of all series, and say nothing of use.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    return App(composition)


class _Application:
    """Starts the app with the server's lifespan, and finishes the requests in flight at its end."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._front: Front | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif self._front is None:
            raise RuntimeError("SmartOps needs an ASGI server that runs the lifespan protocol")
        else:
            await self._front.intake(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with self._app, self._app.serving():
                self._front = Front(self._app)
                await send({"type": "lifespan.startup.complete"})
                await receive()
                await self._front.finish()
        except StartupError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
        else:
            await send({"type": "lifespan.shutdown.complete"})

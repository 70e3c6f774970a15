"""What is served besides messages: health, readiness and metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal

import anyio
from prometheus_client import CONTENT_TYPE_LATEST

from smartops.app import App, Check
from smartops.jsonable import timestamp
from smartops.message import Response
from smartops.version import __version__
from smartops.wire import dump_json

from .refusals import NotHere, WrongMethod

PATH = "/api/messages"
"""The path of messages, below ``server.base_path``."""

FRESH_SECONDS = 2.0
ESSENTIAL = ("plugins", "store")
"""The checks without which no message can be answered."""


class Probes:
    """Serves the probes; what they depend on is checked at most every few seconds."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._clock = app.composition.services.clock
        self._lock = anyio.Lock()
        self._looked = float("-inf")
        self._checks: Sequence[Check] = ()
        self._closing = False
        self._base = app.settings.server.base_path
        self._pages: Mapping[str, Callable[[], Awaitable[Response]]] = {
            f"{self._base}/health": self._health,
            f"{self._base}/livez": self._livez,
            f"{self._base}/readyz": self._readyz,
            f"{self._base}/metrics": self._metrics,
        }

    def close(self) -> None:
        """Be not ready from now on: the server is shutting down."""
        self._closing = True

    async def respond(self, method: str, path: str) -> Response:
        """Return the response to a request; raises NotHere or WrongMethod."""
        page = self._pages.get(path)
        if page is None:
            raise NotHere("Not found", details=f"Send messages to POST {self._base}{PATH}.")
        if method not in ("GET", "HEAD"):
            raise WrongMethod("This path does not take that method", allow="GET, HEAD")
        return await page()

    async def _all(self) -> Sequence[Check]:
        if self._closing:
            return (Check("server", ok=False, text="shutting down"),)
        async with self._lock:  # concurrent probes share one check
            if self._clock.time() - self._looked >= FRESH_SECONDS:
                self._checks = await self._app.readiness()
                self._looked = self._clock.time()
            return self._checks

    async def _state(self) -> Literal["healthy", "degraded", "unhealthy"]:
        """Return the state in one word; a degraded server is ready, because most of it works."""
        wrong = {check.name for check in await self._all() if not check.ok}
        if not wrong:
            return "healthy"
        return "unhealthy" if self._closing or wrong & set(ESSENTIAL) else "degraded"

    async def _health(self) -> Response:
        status = await self._state()
        body = {"status": status, "version": __version__, "timestamp": timestamp(self._clock.now())}
        return _json(body, ok=status != "unhealthy")

    async def _livez(self) -> Response:
        return _json({"status": "alive"})

    async def _readyz(self) -> Response:
        ready = await self._state() != "unhealthy"
        checks = [
            {"name": check.name, "ok": check.ok, "text": check.text} for check in await self._all()
        ]
        return _json({"status": "ready" if ready else "not ready", "checks": checks}, ok=ready)

    async def _metrics(self) -> Response:
        return Response(200, self._app.telemetry.expose(), CONTENT_TYPE_LATEST)


def _json(body: Mapping[str, Any], *, ok: bool = True) -> Response:
    return Response(200 if ok else 503, dump_json(body), headers=(("Cache-Control", "no-store"),))

"""The state of an app for its probes, cached so that frequent probes are cheap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import anyio

from smartops.app import App, Check

FRESH_SECONDS = 2.0
ESSENTIAL = ("plugins", "store")
"""The checks without which no message can be answered."""

Health = Literal["healthy", "degraded", "unhealthy"]


class Probes:
    """Checks what messages depend on, at most every few seconds."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._clock = app.composition.services.clock
        self._lock = anyio.Lock()
        self._looked = float("-inf")
        self._checks: Sequence[Check] = ()
        self._closing = False

    def close(self) -> None:
        """Report not ready from now on: the server is shutting down."""
        self._closing = True

    async def checks(self) -> Sequence[Check]:
        """Return the checks of everything that messages depend on."""
        if self._closing:
            return (Check("server", ok=False, text="shutting down"),)
        async with self._lock:  # concurrent probes share one check
            if abs(self._clock.time() - self._looked) >= FRESH_SECONDS:
                self._checks = await self._app.readiness()
                self._looked = self._clock.time()
            return self._checks

    async def ready(self) -> bool:
        """Return whether messages should be routed here; unavailable backends do not count."""
        return await self.health() != "unhealthy"

    async def health(self) -> Health:
        """Return the state in one word."""
        wrong = [check.name for check in await self.checks() if not check.ok]
        if not wrong:
            return "healthy"
        return "unhealthy" if self._closing or set(wrong) & set(ESSENTIAL) else "degraded"

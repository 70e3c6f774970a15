"""What the intake listens on: an HTTP server by whatever name, with the same manners.

Each engine is a module that is imported when it is asked for, and keeps to the
same bounds.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import anyio

from smartops.config.settings import EngineName
from smartops.errors import Problem, StartupError

from .asgi import Asgi


class Listen(Protocol):
    """An engine at work."""

    async def __call__(
        self,
        app: Asgi,
        listener: socket.socket,
        *,
        ready: Callable[[], None],
        stop: anyio.Event,
        grace: float,
    ) -> None:
        """Serve the connections of ``listener``, which is closed in the end.

        ``ready`` is called once requests are answered. After ``stop`` nothing
        new is accepted, and what is under way has ``grace`` seconds to finish;
        returns when all connections are closed. Cancelled, it cuts them off.
        """


@dataclass(frozen=True, slots=True)
class Engine:
    """An HTTP server, and what makes the event loop it runs on (None: asyncio's own)."""

    listen: Listen
    new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None


def engine(name: EngineName) -> Engine:
    """Return the engine of that name; raises StartupError if it is not installed."""
    if name == "hypercorn":
        from . import on_hypercorn

        return Engine(on_hypercorn.listen)
    try:
        from . import on_uvicorn
    except ImportError:
        raise StartupError(
            Problem(
                f"the engine {name} needs the fast extra",
                path="server.engine",
                hint="pip install 'smartops[fast]'",
            )
        ) from None
    return Engine(on_uvicorn.listen, on_uvicorn.new_loop)

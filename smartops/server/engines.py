"""What the intake listens on: an HTTP server by whatever name, with the same manners.

Each engine is a module that is imported when it is asked for. None may hold
anything up: not by endless headers, by slow ones, nor by answers left unread.
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

BACKLOG = 512
KEEP_ALIVE_SECONDS = 75.0
"""How long a connection may be silent, or take to send its headers.

Longer than load balancers keep theirs (60 seconds is usual): one that is closed
at this end just as it is used again is a failed request.
"""

MAX_HEADERS = 16 * 1024


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

"""Serving an app: start, signals, and graceful shutdown."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import cast

import anyio
import anyio.to_thread

from smartops.app import App, Composition
from smartops.contained import Caught
from smartops.errors import Problem, StartupError
from smartops.telemetry import configure

from .asgi import Asgi
from .bounds import BACKLOG
from .connections import raise_file_limit
from .intake import Intake
from .listening import listen
from .probes import Probes
from .web import web_app

log = logging.getLogger("smartops.server")

GRACE_SECONDS = 1.0
"""How long the last responses may take to be sent, and the last accepted requests to arrive."""

ECHO_SECONDS = 0.5
"""Signals within this time count as one: many senders signal a process and then its group."""


async def serve(
    app: App,
    *,
    ready: Callable[[str], None],
    stop: anyio.Event | None = None,
    read: Callable[[], Composition] | None = None,
) -> None:
    """Start the app, serve until ``stop``, finish the requests in flight, close the app.

    ``ready`` is called with the base URL once requests are answered. SIGTERM and
    SIGINT set ``stop``; a later signal cancels the requests in flight. On SIGHUP the
    app is reloaded with what ``read`` returns.

    Raises StartupError if the address cannot be listened on or the app does not start.
    """
    settings = app.settings.server
    stop = stop or anyio.Event()
    hangup = asyncio.Event()
    raise_file_limit()
    with (
        anyio.CancelScope() as force,
        _signals(stop, force, hangup if read else None),
        _listener(settings.host, settings.port) as listener,
    ):
        async with app, app.serving():
            url = _url(listener) + settings.base_path
            async with anyio.create_task_group() as group:
                if read is not None:
                    group.start_soon(_reload, app, read, hangup)
                await _serve(app, listener, lambda: ready(url), stop)
                group.cancel_scope.cancel()
    if force.cancelled_caught:
        log.warning("stopped at once; requests in flight were cut off")


class Front:
    """The ASGI application of a running app, and its shutdown."""

    def __init__(self, app: App) -> None:
        self._probes = Probes(app)
        self._timeout = app.settings.server.shutdown_timeout.total_seconds()
        self.intake = Intake(app, cast("Asgi", web_app(app, self._probes)))

    async def finish(self) -> None:
        """Finish the requests in flight, and cancel them after ``server.shutdown_timeout``."""
        log.info("shutting down, %d requests in flight", self.intake.working)
        self._probes.close()
        with anyio.move_on_after(self._timeout):
            while self.intake.working:
                await self.intake.idle()
                await anyio.sleep(GRACE_SECONDS)  # for requests on connections accepted last
        self.intake.abandon()


async def _reload(app: App, read: Callable[[], Composition], hangup: asyncio.Event) -> None:
    """Reload the app at each SIGHUP; a configuration with a problem changes nothing."""
    while True:
        await hangup.wait()
        hangup.clear()
        with Caught(log, "the configuration was not reloaded"):
            try:
                new = await anyio.to_thread.run_sync(read)
            except StartupError as error:
                for problem in error.problems:
                    log.error("%s", problem)
                log.error("the configuration was not reloaded, the old one stays in effect")
            else:
                app.reload(new)
                configure(new.settings.log.level, new.settings.log.format)


async def _serve(
    app: App, listener: socket.socket, ready: Callable[[], None], stop: anyio.Event
) -> None:
    front = Front(app)
    grace = app.settings.server.shutdown_timeout.total_seconds() + 2 * GRACE_SECONDS

    async def finish() -> None:
        await stop.wait()
        await front.finish()
        await anyio.sleep(GRACE_SECONDS)
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(finish)
        await listen(front.intake, listener, ready=ready, stop=stop, grace=grace)
        group.cancel_scope.cancel()
    await front.intake.idle()


@contextmanager
def _listener(host: str, port: int) -> Iterator[socket.socket]:
    """Bind the address, so that an address in use is reported before anything starts."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind)
    except OSError as error:
        raise _cannot_listen(host, port, error) from None
    with listener:
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError as error:
            raise _cannot_listen(host, port, error) from None
        yield listener


def _cannot_listen(host: str, port: int, error: OSError) -> StartupError:
    in_use = error.errno == errno.EADDRINUSE
    reason = "it is in use" if in_use else (error.strerror or str(error)).lower()
    hint = "stop what listens there, or set server.port or --port to another" if in_use else ""
    path = "server.port" if error.errno in (errno.EADDRINUSE, errno.EACCES) else "server.host"
    return StartupError(Problem(f"cannot listen on {host}:{port}: {reason}", path=path, hint=hint))


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _signals(
    stop: anyio.Event, force: anyio.CancelScope, hangup: asyncio.Event | None
) -> Iterator[None]:
    """Set ``stop`` at the first signal, cancel ``force`` at a later one; SIGHUP sets ``hangup``."""
    loop = asyncio.get_running_loop()
    asked = loop.time()

    def received() -> None:
        nonlocal asked
        if not stop.is_set():
            asked = loop.time()
            stop.set()
        elif loop.time() - asked >= ECHO_SECONDS:
            force.cancel()

    handlers: dict[int, Callable[[], object]] = dict.fromkeys(
        (signal.SIGTERM, signal.SIGINT), received
    )
    if hangup is not None and hasattr(signal, "SIGHUP"):
        handlers[signal.SIGHUP] = hangup.set
    # There are no signals outside the main thread, and on some platforms.
    with suppress(NotImplementedError, RuntimeError, ValueError):
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        with suppress(NotImplementedError, RuntimeError, ValueError):
            for number in handlers:
                loop.remove_signal_handler(number)

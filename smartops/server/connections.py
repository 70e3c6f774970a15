"""Accepting connections within the limit of open files.

asyncio accepts as many connections as the limit allows. At the limit nothing else can be
opened either, the store included, and CPython before 3.13 schedules one retry for each
connection in the backlog, each of which logs a traceback.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import sys
from contextlib import suppress
from time import monotonic
from typing import Any

from . import bounds
from .asgi import Asgi, Event, Receive, Scope, Send

if sys.platform != "win32":
    import resource

log = logging.getLogger("smartops.server")

MOST = 2048
"""Open connections at most, however many files may be open."""

RESERVE = 256
"""Files that connections leave to the store, the log and outbound HTTP."""

ENOUGH_FILES = 4096
BATCH = 16
"""How many evicted connections may still be closing while others are accepted."""

READ_SIZE = 16 * 1024
"""How much is read from a connection at once; asyncio would read 256 KiB from each."""

_NO_FILES = (errno.EMFILE, errno.ENFILE)
_Address = tuple[Any, ...]


def raise_file_limit() -> None:
    """Raise the soft limit of open files to the hard one."""
    if sys.platform == "win32":
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # some systems allow less than they report
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < ENOUGH_FILES:
        log.warning(
            "only %d files may be open at once, so at most %d connections are accepted; "
            "raise the limit (ulimit -Hn, LimitNOFILE=) to %d",
            soft,
            capacity(),
            ENOUGH_FILES,
        )


def capacity() -> int:
    """Return how many connections may be open at once under the limit of open files."""
    if sys.platform == "win32":
        return MOST
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST
    return min(MOST, max(soft - RESERVE, soft // 2))


class Listener(socket.socket):
    """A listening socket with a bound on open connections.

    A connection is idle while the server waits for its client: for a request, or for the
    rest of one. At the bound, the connection that has been idle longest is closed for a
    new one; if none is idle, the new one is closed.
    """

    def __init__(self, listening: socket.socket, most: int) -> None:
        super().__init__(fileno=listening.detach())
        self._most = most
        self._open: dict[_Address, Connection] = {}
        self._idle: dict[_Address, Connection] = {}  # the longest idle one first
        self._discarding: set[asyncio.Task[None]] = set()
        self._no_files = self._warned = float("-inf")
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # inherited by the connections
            limit = int(bounds.SEND_SECONDS * 1000)
            self.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limit)

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection; raises BlockingIOError if the event loop is to try later."""
        if len(self._open) >= self._most + BATCH:
            raise BlockingIOError
        try:
            accepted, address = super().accept()
        except OSError as error:
            if error.errno in _NO_FILES:
                self._out_of_files()
            raise
        connection = Connection(accepted, self, address[:2])
        if len(self._open) >= self._most and not self._evict():
            connection.close()
            self._warn("all %d connections are in use; new ones are refused", self._most)
            raise BlockingIOError
        self._open[connection.address] = self._idle[connection.address] = connection
        return connection, address

    def _out_of_files(self) -> None:
        """Let asyncio log the error and pause accepting, but only once a second."""
        self._evict()
        if monotonic() - self._no_files < 1.0:
            raise BlockingIOError from None
        self._no_files = monotonic()

    def _evict(self) -> bool:
        """Close the connection that has been idle longest; return False if there is none."""
        if not self._idle:
            return False
        connection = self._idle.pop(next(iter(self._idle)))
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)  # the event loop sees its end and closes it
        return True

    def cut_off(self) -> None:
        """End all connections, such as those whose client does not read the response."""
        for connection in self._open.values():
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _warn(self, text: str, *values: object) -> None:
        if monotonic() - self._warned >= 1.0:
            self._warned = monotonic()
            log.warning(text, *values)

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        for connections in (self._open, self._idle):
            if connections.get(connection.address) is connection:
                del connections[connection.address]

    def tracked(self, app: Asgi) -> Asgi:
        """Return the app, with its connections marked as idle or not."""

        async def tracked(scope: Scope, receive: Receive, send: Send) -> None:
            address = tuple(scope.get("client") or ())
            complete = False

            async def received() -> Event:
                nonlocal complete
                event = await receive()
                if not event.get("more_body", False):
                    complete = True
                    self._idle.pop(address, None)
                return event

            def end_body() -> None:
                nonlocal complete
                if not complete:
                    complete = True
                    task = asyncio.create_task(_discard(receive))
                    self._discarding.add(task)
                    task.add_done_callback(self._discarding.discard)

            async def sent(event: Event) -> None:
                end_body()  # the rest of a body that was not read is dropped
                await send(event)

            try:
                await app(scope, received, sent)
            finally:
                end_body()
                if connection := self._open.get(address):
                    self._idle.pop(address, None)
                    self._idle[address] = connection

        return tracked


async def _discard(receive: Receive) -> None:
    """Empty hypercorn's queue of a body: it ends no request while the queue is full."""
    while (await receive())["type"] != "http.disconnect":
        pass


class Connection(socket.socket):
    """An accepted connection, which reads little at once and reports that it was closed."""

    def __init__(self, accepted: socket.socket, listener: Listener, address: _Address) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        self.address = address
        self._listener = listener

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Read at most ``READ_SIZE`` bytes."""
        return super().recv(min(size, READ_SIZE), flags)

    def close(self) -> None:
        """Close the connection, and report it to the listener."""
        self._listener.closed(self)
        super().close()

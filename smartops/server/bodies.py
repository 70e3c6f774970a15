"""Reading request bodies: each has a maximum size and time, and all together a maximum size."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from .asgi import Event, Receive
from .refusals import TooBusy, TooLarge, TooSlow

TOGETHER = 64
"""How many incomplete bodies of the maximum size may be in memory."""

DRAIN = 1024 * 1024
"""Bytes of a too large body that are read and dropped, so that the client reads the response."""


class Disconnected(Exception):
    """The client went away before its body was complete."""


class Bodies:
    """Reads bodies. ``limit`` is in bytes, ``seconds`` is for a whole body."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._together = limit * TOGETHER
        self._held = 0

    async def read(self, headers: Iterable[tuple[bytes, bytes]], receive: Receive) -> bytes:
        """Return the body.

        Raises TooLarge, TooSlow, TooBusy or Disconnected.
        """
        try:
            async with asyncio.timeout(self._seconds):
                if _declares_more(headers, self._limit):
                    await _drain(receive)
                    raise self._too_large()
                return await self._collect(receive)
        except TimeoutError:
            raise TooSlow(
                "The body did not arrive in time",
                details=f"It must be complete within {self._seconds:g} seconds.",
            ) from None

    async def _collect(self, receive: Receive) -> bytes:
        chunks: list[bytes] = []
        size = 0
        try:
            while True:
                if self._held > self._together:
                    raise TooBusy("The server is busy; try again", retry_after=1)
                event = await receive()
                if event["type"] == "http.disconnect":
                    raise Disconnected
                chunk: bytes = event.get("body", b"")
                if chunk:
                    chunks.append(chunk)
                    size += len(chunk)
                    self._held += len(chunk)
                    if size > self._limit:
                        chunks.clear()
                        if event.get("more_body", False):
                            await _drain(receive)
                        raise self._too_large()
                if not event.get("more_body", False):
                    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
        finally:
            self._held -= size
            chunks.clear()  # a traceback may keep this frame until the next garbage collection

    def _too_large(self) -> TooLarge:
        return TooLarge("The body is too large", details=f"At most {self._limit} bytes.")


def replayed(body: bytes, receive: Receive) -> Receive:
    """Return a receive function that returns a body that was read, then what ``receive`` does."""
    events: list[Event] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Event:
        return events.pop() if events else await receive()

    return replay


def _declares_more(headers: Iterable[tuple[bytes, bytes]], limit: int) -> bool:
    for name, value in headers:
        if name == b"content-length":
            return not value.isdigit() or len(value) > 20 or int(value) > limit
    return False


async def _drain(receive: Receive) -> None:
    size = 0
    while size < DRAIN:
        event = await receive()
        size += len(event.get("body", b""))
        if not event.get("more_body", False):
            return

"""The types of ASGI, and sending a response."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]
HeaderList = list[tuple[bytes, bytes]]


PIECE = 32 * 1024
"""Bytes of a body that are sent at once, so that a client that does not read is noticed."""


async def answer(send: Send, status: int, headers: HeaderList, body: bytes) -> None:
    """Send a response."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for begin in range(0, len(body) or 1, PIECE):
        piece = body[begin : begin + PIECE]
        more = begin + PIECE < len(body)
        await send({"type": "http.response.body", "body": piece, "more_body": more})

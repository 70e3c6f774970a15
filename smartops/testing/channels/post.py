"""A request to the intake, without a network."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from smartops.server import Intake

from .driver import WireRequest, WireResponse


async def post(intake: Intake, wire: WireRequest, path: str = "/api/messages") -> WireResponse:
    """Post a request of the platform, and return the response."""
    headers = {"content-length": str(len(wire.body)), **wire.headers}
    scope: dict[str, Any] = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("203.0.113.7", 40_000),
    }
    bodies = [wire.body]
    status, body = 0, b""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": bodies.pop() if bodies else b""}

    async def send(event: MutableMapping[str, Any]) -> None:
        nonlocal status, body
        status = event.get("status", status)
        body += event.get("body", b"")

    await intake(scope, receive, send)
    return WireResponse(status, body)

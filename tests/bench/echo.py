"""The yardsticks: a bare ASGI echo and a bare Quart echo, on the same server as SmartOps.

python echo.py asgi|quart PORT
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    """Read JSON, answer JSON; nothing else."""
    if scope["type"] != "http":
        return
    body = b""
    while True:
        event = await receive()
        body += event.get("body", b"")
        if not event.get("more_body"):
            break
    message = json.loads(body)
    answer = json.dumps({"type": "message", "text": message.get("text")}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


def quart() -> Any:
    """Return the same as a Quart application."""
    from quart import Quart, request

    app = Quart(__name__)

    @app.post("/api/messages")
    async def messages() -> dict[str, Any]:
        message = await request.get_json()
        return {"type": "message", "text": message.get("text")}

    return app


def serve(app: Any, port: int) -> None:
    """Serve as ``smartops serve`` does."""
    from hypercorn import asyncio as hypercorn
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.accesslog = None
    asyncio.run(hypercorn.serve(app, config))


if __name__ == "__main__":
    kind, port = sys.argv[1:]
    serve(quart() if kind == "quart" else asgi, int(port))

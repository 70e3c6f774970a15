"""The yardsticks: a bare ASGI echo and a bare Quart echo, on the same engine as SmartOps.

python echo.py asgi|quart PORT hypercorn|uvicorn
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


def on_hypercorn(app: Any, port: int) -> None:
    """Serve as SmartOps does by default."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.accesslog = None
    asyncio.run(serve(app, config))


def on_uvicorn(app: Any, port: int) -> None:
    """Serve as SmartOps does with ``engine: uvicorn``."""
    import uvicorn

    uvicorn.run(
        app,
        port=port,
        http="httptools",
        loop="uvloop",
        ws="none",
        proxy_headers=False,
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    kind, port, engine = sys.argv[1:]
    serve_on = {"hypercorn": on_hypercorn, "uvicorn": on_uvicorn}[engine]
    serve_on(quart() if kind == "quart" else asgi, int(port))

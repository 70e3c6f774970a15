"""slack-bolt's echo, as its documentation has it; runs in the rivals' environment.

python echo_bolt.py PORT API_URL SIGNING_SECRET
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import uvicorn
from slack_bolt.adapter.asgi.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

if __name__ == "__main__":
    port, api_url, secret = sys.argv[1:]
    logging.basicConfig(level=logging.WARNING)
    client = AsyncWebClient(token="xoxb-1-2-three", base_url=api_url)
    app = AsyncApp(client=client, signing_secret=secret)

    @app.command("/smartops")
    async def repeat_text(ack: Any, respond: Any, command: dict[str, Any]) -> None:
        """Acknowledge, then answer by the response URL."""
        await ack()
        await respond(f"{command['text']}")

    uvicorn.run(
        AsyncSlackRequestHandler(app, path="/api/messages"),
        port=int(port),
        log_level="warning",
        access_log=False,
    )

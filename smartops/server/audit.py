"""``GET /api/audit``: the command ``audit`` for programs, with its options as the query.

The request is authenticated like a message of the fallback channel, and passes the same gate.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import cast

from quart import Response, request

from smartops.app import App
from smartops.channel import Channel
from smartops.errors import ValidationFailed
from smartops.grammar import read_arguments
from smartops.message import Headers, Inbound
from smartops.reply import Reply
from smartops.telemetry import REQUEST_ID

from .asgi import Scope
from .headers import answer_headers, peer, retry_headers

PATH = "/api/audit"
_NUMBERS = ("before", "limit")


def audit_view(app: App, channel: Channel) -> Callable[[], Awaitable[Response]]:
    """Return the view of the path."""
    wait = app.settings.server.wait.total_seconds()

    async def audit() -> Response:
        inbound = _inbound(_text(app, request.args.to_dict(flat=False)))
        proof = channel.authenticate(inbound)
        claims = await app.authenticated(channel.name, inbound, proof)
        receipt = channel.read(inbound, claims)
        replies = [await app.answer(message, wait) or _late() for message in receipt.messages]
        made = channel.respond(receipt.messages, replies)
        response = Response(made.body, made.status, content_type=made.content_type)
        own = answer_headers(made, inbound.request_id, replies[0].quota)[3:]
        error = replies[0].error
        if error is not None and error.retry_after and made.status in (429, 503):
            own += retry_headers(error.retry_after, made.status)
        response.headers.update({name.decode(): value.decode() for name, value in own})
        response.headers["Cache-Control"] = "no-store"
        return response

    return audit


def _late() -> Reply:
    return Reply(status="pending")


def _text(app: App, query: Mapping[str, list[str]]) -> str:
    """Return the text of the command with the query as its options; raises ValidationFailed."""
    repeated = [name for name, values in query.items() if len(values) > 1]
    if repeated:
        raise ValidationFailed("The query is not valid", details=f"{repeated[0]} is repeated")
    grammar = app.composition.grammar
    command = next(item for item in grammar.commands if item.name == "audit")
    options = {name: _value(name, values[0]) for name, values in query.items()}
    return grammar.text(command, read_arguments(command, options))


def _value(name: str, text: str) -> str | int:
    return int(text) if name in _NUMBERS and text.isascii() and text.isdigit() else text


def _inbound(text: str) -> Inbound:
    """Return the message that the request stands for, as its client would post it."""
    kept = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in request.headers.items()
        if name.lower() != "content-type"
    ]
    return Inbound(
        method="POST",
        path=request.path,
        headers=Headers([*kept, (b"content-type", b"application/json")]),
        body=json.dumps({"text": text}).encode(),
        request_id=REQUEST_ID.get(),
        peer=peer(cast("Scope", request.scope)),
    )

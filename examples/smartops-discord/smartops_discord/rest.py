"""Discord's HTTP API: messages that answer an interaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smartops import (
    BackendUnavailable,
    DeadlineExceeded,
    Secret,
    Services,
    Unreachable,
    ValidationFailed,
)
from smartops.channels import HttpReply, Pace, Paces, object_of, parse_json, retry_after, text_of

ORIGINAL = "@original"


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send: the token of an interaction, empty after it expired, and its channel."""

    token: str
    channel: str


class Rest:
    """Calls the API at the pace that Discord allows; raises refusals."""

    def __init__(self, api: str, application: str, bot: Secret, services: Services) -> None:
        self._api = api.rstrip("/")
        self._application = application
        self._bot = bot
        self._http = services.http
        self._paces = Paces(lambda: Pace(services.clock, [(5, 2.0)]))

    async def follow(self, target: Target, content: Mapping[str, Any]) -> str:
        """Post a new message and return its id."""
        return await self._call("POST", target, "", content)

    async def edit(self, target: Target, message: str, content: Mapping[str, Any]) -> str:
        """Edit a message and return its id."""
        return await self._call("PATCH", target, f"/messages/{message}", content)

    async def delete(self, target: Target, message: str) -> None:
        """Delete a message."""
        await self._call("DELETE", target, f"/messages/{message}", None)

    async def _call(
        self, method: str, target: Target, path: str, content: Mapping[str, Any] | None
    ) -> str:
        headers = {"Content-Type": "application/json"}
        base = f"/webhooks/{self._application}/{target.token}"
        if not target.token:
            headers["Authorization"] = f"Bot {self._bot.reveal()}"
            base, path = f"/channels/{target.channel}", path or "/messages"
        body = None if content is None else json.dumps(content).encode()
        pace = self._paces[target.token or target.channel]
        await pace.turn()
        try:
            reply = await self._http.request(
                method, self._api + base + path, headers=headers, body=body
            )
        except Unreachable:
            raise
        except BackendUnavailable as error:
            raise _unknown(method, error) from error
        if reply.status == 429:
            pace.pause(retry_after(reply.headers) or 1)
        return _id_of(method, reply)


def _unknown(method: str, error: BackendUnavailable) -> BackendUnavailable | DeadlineExceeded:
    """Return what to raise for a request without an answer: a repeated post would be a second."""
    if method == "POST":
        return DeadlineExceeded("It is not known whether Discord posted the reply")
    return error


def _id_of(method: str, reply: HttpReply) -> str:
    """Return the id of the message in an answer."""
    if reply.status == 429:
        seconds = retry_after(reply.headers) or 1
        raise BackendUnavailable("Discord asks to wait", retry_after=seconds)
    if reply.status >= 500:
        raise _unknown(method, BackendUnavailable("Discord failed"))
    if reply.status >= 300:
        raise ValidationFailed(f"Discord refused the reply with status {reply.status}")
    if not reply.body:
        return ""
    return text_of(object_of({"it": parse_json(reply.body)}, "it"), "id")

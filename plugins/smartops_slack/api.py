"""Calls to Slack: the Web API, response URLs, uploads and the WebSocket of Socket Mode.

A call is repeated only if it certainly had no effect: Slack has no idempotency keys,
so a second ``chat.postMessage`` would be a second message.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from smartops import BackendUnavailable, Secret, Services, Unreachable, ValidationFailed
from smartops.channels import HttpReply, JsonObject, dump_json, parse_json, retry_after, text_of

from .config import SlackConfig
from .failures import Declined, failed, unknown, unreachable
from .hosts import Hosts
from .pacing import Pacing

if TYPE_CHECKING:
    from aiohttp import ClientWebSocketResponse

TIMEOUT = 30.0
LONGEST_WAIT = 15
"""Seconds of ``Retry-After`` that are waited here; a longer wait is left to the caller."""

TRIES = 3
HEARTBEAT = 20.0
LARGEST_FRAME = 1024 * 1024

_IDEMPOTENT = frozenset(
    {
        "auth.test",
        "apps.connections.open",
        "chat.update",
        "chat.delete",
        "conversations.open",
        "files.getUploadURLExternal",
        "upload",
    }
)
"""Calls that may be repeated when it is unknown whether they had an effect."""

_ERROR = re.compile("[a-z_]{1,60}")


class SlackApi:
    """Slack's Web API, its response URLs, its uploads and its sockets."""

    def __init__(self, config: SlackConfig, services: Services) -> None:
        self._config = config
        self._http = services.http
        self._hosts = Hosts(config.api_url)
        self._pace = Pacing(services.clock)

    async def call(
        self, method: str, *, channel: str = "", token: Secret | None = None, **arguments: Any
    ) -> JsonObject:
        """Call a method of the Web API and return its answer.

        Raises BackendUnavailable if the call had no effect and may succeed later,
        Declined if it never will, and DeadlineExceeded if its effect is unknown.
        """
        if channel:
            arguments["channel"] = channel
        url, secret = self._config.api_url + method, (token or self._config.bot_token).reveal()
        wait = 0
        for _ in range(TRIES):
            await self._pace.turn(method, channel or arguments.get("channel_id", ""))
            reply = await self._post(method, url, *_encoded(arguments), secret)
            if reply.status != 429:
                return _answer(method, reply)
            wait = _pause(reply)
            self._pace.pause(method, wait)
            if wait > LONGEST_WAIT:
                break
        raise unreachable(method, wait)

    async def respond(self, url: str, message: Mapping[str, Any]) -> None:
        """Answer by a ``response_url``; raises like :meth:`call`."""
        if not self._hosts.answers(url):
            raise Declined("response_url", "not a URL of Slack")
        await self._deliver("response_url", url, dump_json(message), "application/json")

    async def upload(self, url: str, content: bytes) -> None:
        """Upload the content of a file; raises like :meth:`call`."""
        if not self._hosts.uploads(url):
            raise Declined("upload", "not a URL of Slack")
        await self._deliver("upload", url, content, "application/octet-stream")

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[ClientWebSocketResponse]:
        """Open a WebSocket of Socket Mode; raises like :meth:`call`."""
        answer = await self.call("apps.connections.open", token=self._config.app_token)
        url = text_of(answer, "url")
        if not self._hosts.sockets(url):
            raise Declined("apps.connections.open", "its URL is not Slack's")
        from aiohttp import ClientError, ClientSession

        async with ClientSession() as session:
            try:
                socket = await session.ws_connect(
                    url, heartbeat=HEARTBEAT, max_msg_size=LARGEST_FRAME
                )
            except (ClientError, TimeoutError, OSError) as error:
                raise unreachable("socket") from error
            async with socket:
                yield socket

    async def _deliver(self, call: str, url: str, body: bytes, content_type: str) -> None:
        reply = await self._post(call, url, body, content_type)
        members = _members(reply)
        if reply.status == 200 and members.get("ok") is not False:
            return
        if reply.status == 429:
            raise unreachable(call, _pause(reply))
        if reply.status >= 500:
            raise unknown(call, idempotent=call in _IDEMPOTENT)
        bare = reply.body.decode("utf-8", "replace").strip()
        error = text_of(members, "error") or (bare if _ERROR.fullmatch(bare) else "")
        raise Declined(call, error or f"status {reply.status}")

    async def _post(
        self, call: str, url: str, body: bytes, content_type: str, token: str = ""
    ) -> HttpReply:
        headers = {"Content-Type": content_type}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            return await self._http.request(
                "POST", url, headers=headers, body=body, timeout=TIMEOUT
            )
        except Unreachable as error:
            raise unreachable(call) from error
        except BackendUnavailable as error:
            raise unknown(call, idempotent=call in _IDEMPOTENT) from error


def _encoded(arguments: Mapping[str, Any]) -> tuple[bytes, str]:
    """Return the arguments and their content type: not every method takes JSON."""
    if any(isinstance(value, list | dict) for value in arguments.values()):
        return dump_json(arguments), "application/json; charset=utf-8"
    return urlencode(arguments).encode(), "application/x-www-form-urlencoded"


def _answer(method: str, reply: HttpReply) -> JsonObject:
    """Return a successful answer; raises the refusal that any other answer means."""
    members = _members(reply)
    if reply.status == 200 and members.get("ok") is True:
        return members
    error = text_of(members, "error")
    if not error and 400 <= reply.status < 500:
        error = f"status {reply.status}"
    idempotent = method in _IDEMPOTENT
    if not error or reply.status >= 500:
        raise unknown(method, idempotent=idempotent)
    raise failed(method, error, needed=text_of(members, "needed"), idempotent=idempotent)


def _members(reply: HttpReply) -> JsonObject:
    try:
        return parse_json(reply.body)
    except ValidationFailed:
        return {}


def _pause(reply: HttpReply) -> int:
    seconds = retry_after(reply.headers)
    return LONGEST_WAIT if seconds is None else max(1, seconds)

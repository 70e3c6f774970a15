"""Calls to Slack: the Web API, response URLs, uploads and the WebSocket of Socket Mode.

A call is repeated only if it certainly had no effect: Slack has no idempotency keys,
so a second ``chat.postMessage`` would be a second message. The SDK's own retries are off.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from smartops import BackendUnavailable, Services, Unreachable, ValidationFailed
from smartops.channels import HttpReply, JsonObject, dump_json, parse_json, retry_after, text_of

from .config import SlackConfig
from .failures import Declined, failed, unknown, unreachable
from .hosts import Hosts
from .pacing import Pacing

if TYPE_CHECKING:
    from aiohttp import ClientSession, ClientWebSocketResponse
    from slack_sdk.web.async_client import AsyncWebClient

TIMEOUT = 30.0
CONNECT_TIMEOUT = 5.0
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
        self._client: AsyncWebClient | None = None
        self._opening = anyio.Lock()

    async def call(self, method: str, *, channel: str = "", **arguments: Any) -> JsonObject:
        """Call a method of the Web API and return its answer.

        Raises BackendUnavailable if the call had no effect and may succeed later,
        Declined if it never will, and DeadlineExceeded if its effect is unknown.
        """
        if channel:
            arguments["channel"] = channel
        call = getattr(self._client or await self._open(), method.replace(".", "_"))
        wait = 0
        for _ in range(TRIES):
            await self._pace.turn(method, channel or arguments.get("channel_id", ""))
            status, headers, members = await _called(method, call, arguments)
            if status != 429:
                return _answer(method, status, members)
            wait = _pause(headers)
            self._pace.pause(method, wait)
            if wait > LONGEST_WAIT:
                break
        raise unreachable(method, wait)

    async def aclose(self) -> None:
        """Close the connections to the Web API; a later call opens new ones."""
        client, self._client = self._client, None
        if client is not None and client.session is not None:
            await client.session.close()

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
        token = self._config.app_token.reveal()
        answer = await self.call("apps.connections.open", app_token=token)
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
            raise unreachable(call, _pause(reply.headers))
        if reply.status >= 500:
            raise unknown(call, idempotent=call in _IDEMPOTENT)
        bare = reply.body.decode("utf-8", "replace").strip()
        error = text_of(members, "error") or (bare if _ERROR.fullmatch(bare) else "")
        raise Declined(call, error or f"status {reply.status}")

    async def _post(self, call: str, url: str, body: bytes, content_type: str) -> HttpReply:
        headers = {"Content-Type": content_type}
        try:
            return await self._http.request(
                "POST", url, headers=headers, body=body, timeout=TIMEOUT
            )
        except Unreachable as error:
            raise unreachable(call) from error
        except BackendUnavailable as error:
            raise unknown(call, idempotent=call in _IDEMPOTENT) from error

    async def _open(self) -> AsyncWebClient:
        async with self._opening:
            if self._client is None:
                # The import takes half a second, which would block the event loop.
                await anyio.to_thread.run_sync(_import_sdk)
                self._client = _client(self._config)
            return self._client


def _import_sdk() -> None:
    import slack_sdk.web.async_client  # noqa: F401 - imported in a thread, for later


def _client(config: SlackConfig) -> AsyncWebClient:
    from slack_sdk.web.async_client import AsyncWebClient

    logger = logging.getLogger("smartops.slack.sdk")
    logger.setLevel(logging.INFO)  # at DEBUG the SDK logs whole messages
    client = AsyncWebClient(
        token=config.bot_token.reveal(),
        base_url=config.api_url,
        session=_session(),
        logger=logger,
        retry_handlers=[],
    )
    client.proxy = None  # the SDK takes it from the environment
    return client


def _session() -> ClientSession:
    """Return a session that refuses redirects, which would send messages to another host."""
    from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TraceConfig

    async def refuse(*_: object) -> None:
        raise ClientError("a redirect")

    trace = TraceConfig()
    trace.on_request_redirect.append(refuse)
    timeout = ClientTimeout(total=TIMEOUT, sock_connect=CONNECT_TIMEOUT)
    return ClientSession(cookie_jar=DummyCookieJar(), timeout=timeout, trace_configs=[trace])


async def _called(
    method: str, call: Callable[..., Awaitable[Any]], arguments: Mapping[str, Any]
) -> tuple[int, Mapping[str, str], JsonObject]:
    """Call once; return status, headers and members of the answer."""
    from aiohttp import ClientConnectorError, ClientError, ConnectionTimeoutError
    from slack_sdk.errors import SlackApiError

    try:
        response = await call(**arguments)
    except (ClientConnectorError, ConnectionTimeoutError) as error:
        raise unreachable(method) from error
    except SlackApiError as error:
        response = error.response
    except (ClientError, TimeoutError, OSError, ValueError, AttributeError) as error:
        # AttributeError: the SDK looks for members in an answer that is no JSON object.
        raise unknown(method, idempotent=method in _IDEMPOTENT) from error
    data = getattr(response, "data", None)  # aiohttp's response, if the body is no JSON
    status = response.status if data is None else response.status_code
    return status, response.headers, data if isinstance(data, dict) else {}


def _answer(method: str, status: int, members: JsonObject) -> JsonObject:
    """Return a successful answer; raises the refusal that any other answer means."""
    if status == 200 and members.get("ok") is True:
        return members
    error = text_of(members, "error")
    if not error and 400 <= status < 500:
        error = f"status {status}"
    idempotent = method in _IDEMPOTENT
    if not error or status >= 500:
        raise unknown(method, idempotent=idempotent)
    raise failed(method, error, needed=text_of(members, "needed"), idempotent=idempotent)


def _members(reply: HttpReply) -> JsonObject:
    try:
        return parse_json(reply.body)
    except ValidationFailed:
        return {}


def _pause(headers: Mapping[str, str]) -> int:
    seconds = retry_after(headers)
    return LONGEST_WAIT if seconds is None else max(1, seconds)

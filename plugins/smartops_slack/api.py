"""Everything that leaves for Slack goes through here.

The SDK's own retries are off: after a lost connection it would send again what
may have arrived. Here only what certainly did not happen is tried again.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from smartops import Clock, Refusal
from smartops.channels import JsonObject, dump_json, retry_after

from .config import SlackConfig
from .failures import Declined, failed, unknown, unreachable
from .hosts import Hosts
from .pacing import Pacing

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession, ClientWebSocketResponse
    from slack_sdk.web.async_client import AsyncWebClient

TIMEOUT = 30.0
CONNECT_TIMEOUT = 10.0
KEEP_ALIVE = 10.0
"""Seconds that an idle connection is kept: less than Slack does, or a post could meet its end."""

LONGEST_WAIT = 15
"""Seconds that Slack may ask to wait for before SmartOps is asked to try again later."""

TRIES = 3
HEARTBEAT = 20.0
LARGEST_FRAME = 1024 * 1024

_REPEATABLE = frozenset(
    {
        "auth.test",
        "apps.connections.open",
        "chat.update",
        "chat.delete",
        "conversations.open",
        "files.getUploadURLExternal",
    }
)
"""Methods that may be called again when nobody knows whether they were."""

log = logging.getLogger("smartops.slack")


class SlackApi:
    """Slack's Web API, its response URLs, its uploads and its sockets."""

    def __init__(self, config: SlackConfig, clock: Clock) -> None:
        self._config = config
        self._hosts = Hosts(config.api_url)
        self._pace = Pacing(clock)
        self._opening = anyio.Lock()
        self._session: ClientSession | None = None
        self._client: AsyncWebClient | None = None

    async def call(self, method: str, *, channel: str = "", **arguments: Any) -> JsonObject:
        """Call a method of the Web API and return its answer.

        ``channel`` goes along; posting to one is paced. Raises BackendUnavailable
        if it did not happen and may later, Declined if it never will, and
        DeadlineExceeded if nobody knows whether it did.
        """
        client = self._client or (await self.open())
        if channel:
            arguments["channel"] = channel
        wait = 0
        for _ in range(TRIES):
            await self._pace.turn(method, channel or arguments.get("channel_id", ""))
            answer = await _called(client, method, arguments)
            if not isinstance(answer, int):
                return answer
            wait = answer
            self._pace.pause(method, wait)
            if wait > LONGEST_WAIT:
                break
        raise unreachable(method, wait)

    async def respond(self, url: str, message: Mapping[str, Any]) -> None:
        """Answer by a ``response_url``; raises as :meth:`call`."""
        if not self._hosts.answers(url):
            raise Declined("response_url", "not a URL of Slack")
        await self._post(url, dump_json(message), "application/json", "response_url")

    async def upload(self, url: str, content: bytes) -> None:
        """Send the content of a file; raises as :meth:`call`, but it may always be tried again."""
        if not self._hosts.uploads(url):
            raise Declined("upload", "not a URL of Slack")
        await self._post(url, content, "application/octet-stream", "upload")

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[ClientWebSocketResponse]:
        """Open a WebSocket of Socket Mode; raises as :meth:`call`."""
        answer = await self.call("apps.connections.open", app_token=self._config.app_token.reveal())
        url = str(answer.get("url"))
        if not self._hosts.sockets(url):
            raise Declined("apps.connections.open", "its URL is not Slack's")
        from aiohttp import ClientError

        assert self._session is not None
        try:
            socket = await self._session.ws_connect(
                url, heartbeat=HEARTBEAT, max_msg_size=LARGEST_FRAME
            )
        except (ClientError, TimeoutError, OSError) as error:
            raise unreachable("socket") from error
        async with socket:
            yield socket

    async def open(self) -> AsyncWebClient:
        """Make the session, if need be, and return the client that uses it."""
        async with self._opening:
            if self._client is None:
                # The imports take half a second, and the loop must not stand still.
                await anyio.to_thread.run_sync(_import_sdk)
                self._session = _session()
                self._client = _client(self._config, self._session)
            return self._client

    async def aclose(self) -> None:
        """Close all connections; a later call opens new ones."""
        session, self._session, self._client = self._session, None, None
        if session:
            await session.close()

    async def _post(self, url: str, body: bytes, content_type: str, what: str) -> None:
        from aiohttp import ClientConnectorError, ClientError, ConnectionTimeoutError

        if self._session is None:
            await self.open()
        assert self._session is not None
        try:
            async with self._session.post(
                url, data=body, headers={"Content-Type": content_type}, allow_redirects=False
            ) as response:
                refusal = await _refusal(response, what)
        except (ClientConnectorError, ConnectionTimeoutError) as error:
            raise unreachable(what) from error
        except (ClientError, TimeoutError, OSError) as error:
            raise unknown(what, repeatable=what == "upload") from error
        if refusal is not None:
            raise refusal


async def _called(
    client: AsyncWebClient, method: str, arguments: Mapping[str, Any]
) -> JsonObject | int:
    """Call once; return the answer, or for how many seconds Slack wants to be left alone."""
    from aiohttp import ClientConnectorError, ClientError, ConnectionTimeoutError
    from slack_sdk.errors import SlackApiError

    repeatable = method in _REPEATABLE
    try:
        response = await getattr(client, method.replace(".", "_"))(**arguments)
    except (ClientConnectorError, ConnectionTimeoutError) as error:
        raise unreachable(method) from error
    except SlackApiError as error:
        return _refused(method, error, repeatable=repeatable)
    except (ClientError, TimeoutError, OSError, ValueError, AttributeError) as error:
        # AttributeError: the SDK asks an answer that is no JSON object for its members.
        raise unknown(method, repeatable=repeatable) from error
    data = response.data
    return data if isinstance(data, dict) else {}


def _refused(method: str, error: Any, *, repeatable: bool) -> int:
    """Return for how long to wait; raises what else an answer without ``ok`` means."""
    response = error.response
    status: int = getattr(response, "status_code", 0) or getattr(response, "status", 0)
    if status == 429:
        return _pause(response.headers)
    data = getattr(response, "data", None)
    members = data if isinstance(data, dict) else {}
    word = members.get("error")
    if 400 <= status < 500 and not isinstance(word, str):
        word = f"status {status}"
    if not isinstance(word, str) or status >= 500:
        raise unknown(method, repeatable=repeatable) from error
    needed = members.get("needed")
    raise failed(
        method, word, needed=needed if isinstance(needed, str) else "", repeatable=repeatable
    ) from error


def _pause(headers: Mapping[str, str]) -> int:
    seconds = retry_after(headers)
    return LONGEST_WAIT if seconds is None else max(1, seconds)


async def _refusal(response: ClientResponse, what: str) -> Refusal | None:
    """Return what the answer of a response URL or an upload means, if it is a no."""
    text = (await response.content.read(10_000)).decode("utf-8", "replace").strip()
    if response.status == 200 and '"ok":false' not in text.replace(" ", ""):
        return None
    if response.status == 429:
        return unreachable(what, _pause(response.headers))
    if response.status >= 500:
        return unknown(what, repeatable=what == "upload")
    return Declined(what, _word(text) or f"status {response.status}")


def _word(text: str) -> str:
    """Return Slack's word for an error, which comes bare or in JSON."""
    from smartops import ValidationFailed
    from smartops.channels import parse_json

    if text.startswith("{"):
        try:
            text = str(parse_json(text.encode()).get("error", ""))
        except ValidationFailed:
            return ""
    return text if text.isascii() and text.replace("_", "").isalnum() and len(text) < 60 else ""


def _import_sdk() -> None:
    import slack_sdk.web.async_client  # noqa: F401 - so that it is there when it is needed


def _session() -> ClientSession:
    from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

    return ClientSession(
        connector=TCPConnector(keepalive_timeout=KEEP_ALIVE),
        cookie_jar=DummyCookieJar(),
        timeout=ClientTimeout(total=TIMEOUT, connect=CONNECT_TIMEOUT),
    )


def _client(config: SlackConfig, session: ClientSession) -> AsyncWebClient:
    from slack_sdk.web.async_client import AsyncWebClient

    quiet = logging.getLogger("smartops.slack.sdk")
    quiet.setLevel(logging.INFO)  # below that the SDK writes whole messages to the log
    client = AsyncWebClient(
        token=config.bot_token.reveal(),
        base_url=config.api_url,
        session=session,
        logger=quiet,
        retry_handlers=[],
    )
    client.proxy = None  # as everywhere in SmartOps, no proxy is taken from the environment
    return client

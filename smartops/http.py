"""The outbound HTTP client of the core and the plugins, on aiohttp."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio
import anyio.to_thread

from .errors import BackendUnavailable, Unreachable
from .services import HttpReply

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

CONNECT_SECONDS = 5.0
"""Shorter than the request timeout, so that a failed connection is known to have sent nothing."""


class AiohttpClient:
    """Implements :class:`~smartops.services.HttpClient`; the first request opens the session.

    URLs are sent unchanged: the caller percent-encodes them. The client stores no
    cookies, ignores proxies and netrc of the environment, and follows no
    redirects, because they would send a token to another host.
    """

    def __init__(self) -> None:
        self._session: ClientSession | None = None
        self._opening = anyio.Lock()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout: float = 10.0,
        max_bytes: int = 1_000_000,
    ) -> HttpReply:
        """Send one request and read the whole response; ``timeout`` bounds both together.

        Raises Unreachable if no connection was made; BackendUnavailable if the URL
        is invalid, the response does not arrive in time or is larger than
        ``max_bytes``. An HTTP error status is returned, not raised.
        """
        host = _host(url)
        session = self._session or await self._open()
        from aiohttp import (
            ClientConnectorError,
            ClientError,
            ClientTimeout,
            ConnectionTimeoutError,
        )
        from yarl import URL

        try:
            async with session.request(
                method,
                URL(url, encoded=True),
                headers=headers,
                data=body,
                allow_redirects=False,
                timeout=ClientTimeout(total=timeout, sock_connect=min(timeout, CONNECT_SECONDS)),
            ) as response:
                content = await _read(response, max_bytes)
                names = {name.lower(): value for name, value in response.headers.items()}
                return HttpReply(response.status, names, content)
        except (ClientConnectorError, ConnectionTimeoutError) as error:
            raise Unreachable(f"{host} could not be reached") from error
        except TimeoutError:
            raise BackendUnavailable(f"{host} did not answer within {timeout:g} s") from None
        except (ClientError, OSError, ValueError) as error:
            raise BackendUnavailable(f"{host} could not be reached") from error

    async def aclose(self) -> None:
        """Close all connections; a later request opens new ones."""
        session, self._session = self._session, None
        if session:
            await session.close()

    async def _open(self) -> ClientSession:
        async with self._opening:
            if self._session is None:
                # The import takes a quarter of a second, which would block the event loop.
                await anyio.to_thread.run_sync(_import_aiohttp)
                from aiohttp import ClientSession, DummyCookieJar

                self._session = ClientSession(cookie_jar=DummyCookieJar())
            return self._session


def _import_aiohttp() -> None:
    import aiohttp  # noqa: F401


def _host(url: str) -> str:
    """Return the host, for error messages: the rest of a URL may contain a secret."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise BackendUnavailable("the address to call is not an HTTP URL")
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise BackendUnavailable(f"the address to call on {host} holds characters no URL may have")
    return host


async def _read(response: ClientResponse, max_bytes: int) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_chunked(65536):
        content += chunk
        if len(content) > max_bytes:
            response.close()
            host = response.url.host
            raise BackendUnavailable(f"the answer of {host} is larger than {max_bytes} bytes")
    return bytes(content)

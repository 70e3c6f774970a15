"""Services for tests of plugins that need only a clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from smartops.http import AiohttpClient
from smartops.services import Clock, HttpClient, KeyValueStore, Services

from .memory import MemoryKeyValueStore


class _NoHttp:
    async def request(self, *args: Any, **more: Any) -> Any:
        raise AssertionError(f"nothing is sent in this test, but {args[1:2]} was")


class _NoVerifier:
    async def verify(self, authorization: str | None, issuers: Any) -> Any:
        raise AssertionError("nothing is verified in this test")

    def peek_issuer(self, authorization: str | None) -> str:
        raise AssertionError("nothing is verified in this test")


def offline_services(clock: Clock, http: HttpClient | None = None) -> Services:
    """Return services with this clock, and key-value stores in memory.

    The test fails if anything is verified, or sent without an ``http`` client.
    """
    stores: defaultdict[str, KeyValueStore] = defaultdict(MemoryKeyValueStore)
    return Services(clock, http or _NoHttp(), _NoVerifier(), key_value_stores=stores.__getitem__)


@asynccontextmanager
async def http_client() -> AsyncIterator[HttpClient]:
    """Return the HTTP client that plugins get, for tests with a server of their own."""
    client = AiohttpClient()
    try:
        yield client
    finally:
        await client.aclose()

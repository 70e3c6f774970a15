"""Services for tests of plugins that need only a clock."""

from __future__ import annotations

from typing import Any

from smartops.services import Clock, Services


class _NoHttp:
    async def request(self, *args: Any, **more: Any) -> Any:
        raise AssertionError(f"nothing is sent in this test, but {args[1:2]} was")


class _NoVerifier:
    async def verify(self, authorization: str | None, issuers: Any) -> Any:
        raise AssertionError("nothing is verified in this test")

    def peek_issuer(self, authorization: str | None) -> str:
        raise AssertionError("nothing is verified in this test")


def offline_services(clock: Clock) -> Services:
    """Return services with this clock; the test fails if anything is sent or verified."""
    return Services(clock, _NoHttp(), _NoVerifier())

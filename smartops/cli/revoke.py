"""Revoking a token, whoever issued it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import click

from smartops.app.trust import local_issuers, trusted_issuers
from smartops.auth import TokenVerifier
from smartops.auth.local import TOKEN_ID
from smartops.config import Settings
from smartops.errors import AuthenticationFailed
from smartops.http import AiohttpClient
from smartops.services import Clock
from smartops.store import Store

_YEARS = 10 * 365 * 86400.0
"""For how long an id is kept whose token is not there to tell when it expires, in seconds."""


def revoke(settings: Settings, written: str) -> str:
    """Revoke a token, given itself or by its id, and return the id.

    Running servers refuse it within seconds. Raises click.UsageError if it is
    neither a valid token of a trusted issuer nor the id of one of our own.
    """
    if not written:
        raise click.UsageError("not revoked: the token is empty")
    return anyio.run(_revoke, settings, written)


async def _revoke(settings: Settings, written: str) -> str:
    clock = Clock()
    jti, until = written, clock.time() + _YEARS
    if written.count(".") == 2:
        jti, until = await _genuine(settings, clock, written)
    elif not TOKEN_ID.fullmatch(written):
        raise click.UsageError(
            "not revoked: this is neither a whole token nor the id of one (tok_…)"
        )
    async with _opened(settings, clock) as store:
        await store.revoke(jti, until)
    return jti


async def _genuine(settings: Settings, clock: Clock, token: str) -> tuple[str, float]:
    """Return the id of a token that is believed now, and when it expires."""
    http = AiohttpClient()
    try:
        issuers = trusted_issuers(settings, local_issuers(settings, clock))
        verified = await TokenVerifier(http, clock).verify(f"Bearer {token}", issuers)
    except AuthenticationFailed:
        raise click.UsageError("not revoked: the token is expired or was not issued here") from None
    finally:
        await http.aclose()
    jti = verified.claims.get("jti")
    if not isinstance(jti, str) or not jti:
        raise click.UsageError("not revoked: the token has no id (jti)")
    return jti, float(verified.claims["exp"])


@asynccontextmanager
async def _opened(settings: Settings, clock: Clock) -> AsyncIterator[Store]:
    store = await Store.open(settings.store.url.reveal(), clock)
    try:
        yield store
    finally:
        await store.aclose()

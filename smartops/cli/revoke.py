"""Revoking a token of any trusted issuer."""

from __future__ import annotations

from contextlib import aclosing
from datetime import UTC, datetime

import anyio
import click

from smartops.auth import TokenVerifier
from smartops.auth.local import TOKEN_ID
from smartops.auth.trust import local_issuers, trusted_issuers
from smartops.config import Settings
from smartops.errors import AuthenticationFailed
from smartops.http import AiohttpClient
from smartops.services import Clock
from smartops.store import AuditEvent, Store

_YEARS = 10 * 365 * 86400.0
"""Seconds for which a revoked id is stored if the expiry of its token is not known."""


def revoke(settings: Settings, written: str) -> str:
    """Revoke a token, given itself or by its id, and return the id.

    Running servers refuse it within seconds. Raises click.UsageError if it is
    neither a valid token of a trusted issuer nor the id of a local one.
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
    async with aclosing(await Store.open(settings.store.url.reveal(), clock)) as store:
        at = f"{datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M} UTC"
        event = AuditEvent.of("token", clock.time(), f"token {jti} revoked until {at}", place="cli")
        await store.revoke(jti, until, event)
    return jti


async def _genuine(settings: Settings, clock: Clock, token: str) -> tuple[str, float]:
    """Return the id and the expiry of a valid token."""
    issuers = trusted_issuers(settings, local_issuers(settings, clock))
    async with aclosing(AiohttpClient()) as http:
        try:
            verified = await TokenVerifier(http, clock).verify(f"Bearer {token}", issuers)
        except AuthenticationFailed:
            text = "not revoked: the token is expired or was not issued here"
            raise click.UsageError(text) from None
    jti = verified.claims.get("jti")
    if not isinstance(jti, str) or not jti:
        raise click.UsageError("not revoked: the token has no id (jti)")
    return jti, float(verified.claims["exp"])

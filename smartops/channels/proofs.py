"""Proofs of origin that webhooks share: bearer tokens, and HMACs over the raw body."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Sequence
from typing import Annotated

from pydantic import BeforeValidator, Field

from smartops.config.fields import listed
from smartops.errors import AuthenticationFailed, ValidationFailed
from smartops.message import Inbound
from smartops.values import Secret

Secrets = Annotated[
    tuple[Secret, ...],
    Field(min_length=1),
    BeforeValidator(listed, json_schema_input_type=Secret | tuple[Secret, ...]),
]
"""One secret, or several while one is replaced: a setting of plugins."""

log = logging.getLogger("smartops.channels")


def check_bearer(inbound: Inbound, tokens: Sequence[Secret]) -> None:
    """Raise AuthenticationFailed unless the request has one of the bearer tokens."""
    scheme, _, given = header(inbound, "authorization").partition(" ")
    given = given.strip() if scheme.lower() == "bearer" else ""
    if not any(_equal(given, token.reveal()) for token in tokens):
        raise unproven(inbound, "the bearer token is missing or wrong")


def check_hmac(
    inbound: Inbound,
    given: Sequence[str],
    secrets: Sequence[bytes],
    signed: bytes,
    written: Callable[[bytes], str],
) -> None:
    """Raise AuthenticationFailed unless one of the ``given`` signatures is a SHA-256 HMAC.

    ``signed`` is what is signed, with one of the ``secrets``; ``written`` is how a digest is
    written in the header.
    """
    expected = [written(hmac.digest(secret, signed, "sha256")) for secret in secrets]
    if not any(_equal(one, other) for one in given for other in expected):
        raise unproven(inbound, "the signature is missing, or of another body or another secret")


def header(inbound: Inbound, name: str) -> str:
    """Return a header, empty if it is missing; raises AuthenticationFailed if it is repeated."""
    try:
        return inbound.headers.get(name) or ""
    except ValidationFailed as repeated:
        raise unproven(inbound, repeated.message) from None


def unproven(inbound: Inbound, reason: str) -> AuthenticationFailed:
    """Return the refusal of a request without proof of origin; the reason is only logged."""
    log.warning("request %s is not authentic: %s", inbound.request_id, reason)
    return AuthenticationFailed("Invalid or missing proof of origin")


def _equal(given: str, expected: str) -> bool:
    """Compare in constant time. Nothing equals an empty secret."""
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())

"""Parse a signed token strictly, before its signature is verified."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_LENGTH = 16 * 1024
ALGORITHM = "RS256"


class Untrusted(Exception):
    """A token is refused. The text is the reason, for the log only."""


@dataclass(frozen=True, slots=True)
class Token:
    """The unverified parts of a token. ``signed`` is what the signature covers."""

    kid: str
    claims: Mapping[str, Any]
    signed: bytes
    signature: bytes


def bearer(authorization: str | None) -> str:
    """Return the token of an ``Authorization`` header.

    Raises Untrusted unless it is the word Bearer, in any case, one space and
    one token of at most 16 KB.
    """
    if not authorization:
        raise Untrusted("there is no Authorization header")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise Untrusted("the Authorization header is not of the scheme Bearer")
    if len(token) > MAX_LENGTH:
        raise Untrusted(f"the token has {len(token)} characters")
    if not token or " " in token or not token.isascii():
        raise Untrusted("the Authorization header is not one scheme, one space and one token")
    return token


def parse(token: str) -> Token:
    """Parse a token, checking its form and its header; raises Untrusted.

    The algorithm is fixed. Other algorithms and keys in the header (``jwk``, ``jku``,
    ``x5u``, ``x5c``) are ignored.
    """
    header, claims, signature = _segments(token)
    head = _object(header, "header")
    algorithm, kid = head.get("alg"), head.get("kid")
    if algorithm != ALGORITHM:
        raise Untrusted(f"alg is {short(algorithm)}")
    if "crit" in head:
        raise Untrusted(f"the header calls {short(head['crit'])} critical")
    if not isinstance(kid, str) or not kid:
        raise Untrusted(f"kid is {short(kid)}")
    signed = f"{header}.{claims}".encode("ascii")
    return Token(kid, _object(claims, "claims"), signed, _decode(signature, "signature"))


def peek(token: str) -> Mapping[str, Any]:
    """Return the claims of a token without verifying anything; raises Untrusted."""
    return _object(_segments(token)[1], "claims")


def segment(data: bytes) -> str:
    """Return bytes as tokens and keys carry them: base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def short(value: object) -> str:
    """Return unauthenticated input in a form that is safe and short enough for the log."""
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _segments(token: str) -> tuple[str, str, str]:
    parts = token.split(".", 5)
    if len(parts) != 3:
        raise Untrusted("malformed JWT: expected 3 segments")
    return parts[0], parts[1], parts[2]


# Python's own base64url decoder ignores padding, line ends and other characters.
_TO_BASE64 = bytes.maketrans(b"-_+/=", b"+/???")


def _decode(segment: str, what: str) -> bytes:
    padded = segment.encode("ascii").translate(_TO_BASE64) + b"=" * (-len(segment) % 4)
    try:
        return binascii.a2b_base64(padded, strict_mode=True)
    except ValueError:
        raise Untrusted(f"the {what} is not base64url") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_json = json.JSONDecoder(parse_constant=_refuse_constant)


def _object(segment: str, what: str) -> Mapping[str, Any]:
    try:
        value = _json.decode(_decode(segment, what).decode())
    except (ValueError, RecursionError):
        raise Untrusted(f"the {what} is not JSON") from None
    if not isinstance(value, dict):
        raise Untrusted(f"the {what} is no JSON object")
    return value

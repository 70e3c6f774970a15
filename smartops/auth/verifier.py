"""The one verifier of bearer tokens.

Every check is made for every token, in the order of :meth:`TokenVerifier._check`.
A header that held is remembered by its digest until it expires, because a
platform sends the same one with many requests; what may have changed since
(the time, the issuer's keys, revocation, who asks) is checked again each time.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Never

from jwt.algorithms import RSAAlgorithm

from smartops.errors import AuthenticationFailed
from smartops.services import Clock, HttpClient, Issuer, Verified

from .keys import Key, KeyCache, KeySet
from .token import MAX_LENGTH, Token, Untrusted, bearer, parse, peek, short

LEEWAY = 300
"""Seconds by which two clocks may differ."""

FOREVER = 1e12
"""A moment, in seconds since the epoch, that no honest token names."""

_log = logging.getLogger("smartops.auth")
_rs256 = RSAAlgorithm(RSAAlgorithm.SHA256)


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """A token that held: what came of it, and what must still be so for it to hold again."""

    verified: Verified
    keys: KeySet
    key: Key
    begins: float
    ends: float
    jti: str


class TokenVerifier:
    """Implements :class:`~smartops.services.Verifier`.

    ``revoked`` says whether the token with that ``jti`` was revoked; it is
    asked every time. ``cache`` is how many tokens are remembered; only those
    that held are, so strangers cannot fill it.
    """

    def __init__(
        self,
        http: HttpClient,
        clock: Clock,
        *,
        revoked: Callable[[str], bool] = frozenset[str]().__contains__,
        cache: int = 4096,
    ) -> None:
        self._keys = KeyCache(http, clock)
        self._clock = clock
        self._revoked = revoked
        self._cache = cache
        self._held: dict[bytes, _Held] = {}
        # The newest header and what is known of it: several channels ask about it in turn.
        self._text: str | None = None
        self._digest = b""
        self._issuer: str | None = None

    async def verify(self, authorization: str | None, issuers: tuple[Issuer, ...]) -> Verified:
        """Verify an ``Authorization`` header against the issuers given.

        Raises AuthenticationFailed with the same text whatever is wrong; the
        reason goes to the log ``smartops.auth``, the token never does.
        """
        try:
            digest = self._look_at(authorization)
            held = self._held.get(digest)
            if held is None or not self._still_holds(held, issuers):
                held = await self._check(parse(bearer(authorization)), issuers)
                self._remember(digest, held)
            if held.jti and self._revoked(held.jti):
                raise Untrusted(f"the token {short(held.jti)} was revoked")
        except Untrusted as reason:
            _log.info("token refused: %s", reason)
            raise AuthenticationFailed("Invalid or missing bearer token.") from None
        return held.verified

    def peek_issuer(self, authorization: str | None) -> str:
        """Return the unverified ``iss``, or an empty string. It selects; it proves nothing."""
        held = self._held.get(self._look_at(authorization))
        if self._issuer is None:
            self._issuer = held.verified.claims["iss"] if held else _peek_issuer(authorization)
        return self._issuer

    async def keep_fresh(self) -> Never:
        """Fetch the issuers' keys again every hour, until cancelled; no request waits for it."""
        await self._keys.keep_fresh()

    def _look_at(self, authorization: str | None) -> bytes:
        """Return the header's digest; what is too long to hold a token has none."""
        if authorization is None or len(authorization) > 2 * MAX_LENGTH:
            self._text, self._digest, self._issuer = None, b"", None
        elif authorization != self._text:
            data = authorization.encode("utf-8", "surrogatepass")
            self._text, self._digest, self._issuer = authorization, sha256(data).digest(), None
        return self._digest

    def _still_holds(self, held: _Held, issuers: tuple[Issuer, ...]) -> bool:
        now = self._clock.time()
        return (
            held.begins <= now < held.ends
            and held.keys.holds(held.key, now)
            and held.verified.issuer in issuers
        )

    def _remember(self, digest: bytes, held: _Held) -> None:
        self._held.pop(digest, None)
        while len(self._held) >= self._cache:
            del self._held[next(iter(self._held))]
        self._held[digest] = held

    async def _check(self, token: Token, issuers: tuple[Issuer, ...]) -> _Held:
        """Try every issuer that has the token's ``iss``; the last reason is the one that counts."""
        name = token.claims.get("iss")
        reason = Untrusted(f"iss is {short(name)}, which nobody here trusts")
        for issuer in issuers:
            if name not in issuer.issuers:
                continue
            try:
                return await self._check_against(issuer, token)
            except Untrusted as error:
                reason = error
        raise reason

    async def _check_against(self, issuer: Issuer, token: Token) -> _Held:
        keys, key = await self._keys.find(issuer, token.kid)
        if not _rs256.verify(token.signed, key.public, token.signature):
            raise Untrusted(f"the signature is not that of the key {short(token.kid)}")
        begins, ends = _times(token.claims, self._clock.time())
        _check_audience(token.claims.get("aud"), issuer)
        for claim, wanted in issuer.claims.items():
            if token.claims.get(claim) != wanted:
                raise Untrusted(f"{claim} is {short(token.claims.get(claim))}")
        jti = token.claims.get("jti")
        verified = Verified(MappingProxyType(dict(token.claims)), key.entry, issuer)
        return _Held(verified, keys, key, begins, ends, jti if isinstance(jti, str) else "")


def _peek_issuer(authorization: str | None) -> str:
    try:
        issuer = peek(bearer(authorization)).get("iss")
    except Untrusted:
        return ""
    return issuer if isinstance(issuer, str) else ""


def _times(claims: Mapping[str, Any], now: float) -> tuple[float, float]:
    """Return when the token begins and ends to hold, the leeway included; raises Untrusted."""
    ends = _moment(claims, "exp")
    if ends is None:
        raise Untrusted("there is no exp")
    starts = [moment for name in ("nbf", "iat") if (moment := _moment(claims, name)) is not None]
    begins = max(starts, default=-math.inf) - LEEWAY
    if now >= ends + LEEWAY:
        raise Untrusted(f"the token expired {now - ends:.0f} s ago")
    if now < begins:
        raise Untrusted(f"the token is not valid before {begins - now:.0f} s from now")
    return begins, ends + LEEWAY


def _moment(claims: Mapping[str, Any], name: str) -> float | None:
    if name not in claims:
        return None
    value = claims[name]
    if type(value) in (int, float) and abs(value) < FOREVER:
        return float(value)
    raise Untrusted(f"{name} is {short(value)}, not a number of seconds")


def _check_audience(audience: Any, issuer: Issuer) -> None:
    """Check that the token is for us, and for nobody else besides."""
    names = audience if isinstance(audience, list) else [audience]
    ours = {ours.lower() for ours in issuer.audiences}
    for name in names or [None]:
        # Beyond ASCII, different names can have the same lower-case form.
        if not isinstance(name, str) or not name.isascii() or name.lower() not in ours:
            raise Untrusted(f"aud is {short(audience)}")

"""The one verifier of bearer tokens.

Every check is made for every token, in the order of :meth:`TokenVerifier._check`.
A header that held is remembered by its digest until it expires, because a
platform sends the same one with many requests; what may have changed since
(the time, the issuer's keys, revocation, who asks) is checked again each time.
A header with a wrong signature is remembered apart from those: as long as the
keys stand it can never hold, and whoever sends it again and again is to cost little.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Never, TypeVar

from jwt.algorithms import RSAAlgorithm

from smartops.errors import AuthenticationFailed
from smartops.services import Clock, HttpClient, Issuer, Verified

from .keys import Key, KeyCache, KeySet
from .token import MAX_LENGTH, Token, Untrusted, bearer, parse, peek, short

FOREVER = 1e12
"""A moment, in seconds since the epoch, that no honest token names."""

_log = logging.getLogger("smartops.auth")
_rs256 = RSAAlgorithm(RSAAlgorithm.SHA256)

_Known = TypeVar("_Known")


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """A token that held: what came of it, and what must still be so for it to hold again."""

    verified: Verified
    keys: KeySet
    key: Key
    begins: float
    ends: float
    jti: str


@dataclass(frozen=True, slots=True, eq=False)
class _Forged:
    """A header with a wrong signature: under which keys, for whom, and what it said of itself."""

    issuers: tuple[Issuer, ...]
    keys: KeySet
    key: Key
    issuer: str
    reason: str


class _WrongSignature(Untrusted):
    """The one thing about a token that no time mends, unless the keys change."""

    def __init__(self, keys: KeySet, key: Key) -> None:
        super().__init__(f"the signature is not that of the key {short(key.kid)}")
        self.keys = keys
        self.key = key


class TokenVerifier:
    """Implements :class:`~smartops.services.Verifier`.

    ``revoked`` says whether the token with that ``jti`` was revoked; it is
    asked every time. ``cache`` is how many tokens are remembered that held, and
    how many whose signature is wrong; strangers can fill only the latter.
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
        self._forged: dict[bytes, _Forged] = {}
        # The newest header and what is known of it: several channels ask about it in turn.
        self._text: str | None = None
        self._digest = b""
        self._issuer: str | None = None

    async def verify(self, authorization: str | None, issuers: tuple[Issuer, ...]) -> Verified:
        """Verify an ``Authorization`` header against the issuers given.

        Raises AuthenticationFailed with the same text whatever is wrong; its
        ``reason`` is for the log, and never holds the token.
        """
        try:
            digest = self._look_at(authorization)
            held = self._held.get(digest)
            if held is None or not self._still_holds(held, issuers):
                held = await self._check_anew(digest, authorization, issuers)
            if held.jti and self._revoked(held.jti):
                raise Untrusted(f"the token {short(held.jti)} was revoked")
        except Untrusted as reason:
            failed = AuthenticationFailed("Invalid or missing bearer token")
            failed.reason = f"token refused: {reason}"
            _log.debug(failed.reason)
            raise failed from None
        return held.verified

    def peek_issuer(self, authorization: str | None) -> str:
        """Return the unverified ``iss``, or an empty string. It selects; it proves nothing."""
        digest = self._look_at(authorization)
        if self._issuer is None:
            if held := self._held.get(digest):
                self._issuer = held.verified.claims["iss"]
            elif forged := self._forged.get(digest):
                self._issuer = forged.issuer
            else:
                self._issuer = _peek_issuer(authorization)
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

    async def _check_anew(
        self, digest: bytes, authorization: str | None, issuers: tuple[Issuer, ...]
    ) -> _Held:
        forged = self._forged.get(digest)
        if forged and forged.issuers is issuers:
            if forged.keys.holds(forged.key, self._clock.time()):
                raise Untrusted(forged.reason)
            del self._forged[digest]
        token = parse(bearer(authorization))
        try:
            held = await self._check(token, issuers)
        except _WrongSignature as error:
            name = token.claims["iss"]
            if sum(name in issuer.issuers for issuer in issuers) == 1:  # else another may have held
                forged = _Forged(issuers, error.keys, error.key, name, str(error))
                _remember(self._forged, digest, forged, self._cache)
            raise
        _remember(self._held, digest, held, self._cache)
        return held

    async def _check(self, token: Token, issuers: tuple[Issuer, ...]) -> _Held:
        """Try every issuer that has the token's ``iss``; the last reason is the one that counts."""
        name = token.claims.get("iss")
        reason = Untrusted(f"untrusted issuer {short(name)}")
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
            raise _WrongSignature(keys, key)
        begins, ends = _times(token.claims, self._clock.time(), issuer.leeway)
        _check_audience(token.claims.get("aud"), issuer)
        for claim, wanted in issuer.claims.items():
            if token.claims.get(claim) != wanted:
                raise Untrusted(f"{claim} is {short(token.claims.get(claim))}")
        jti = token.claims.get("jti")
        verified = Verified(MappingProxyType(dict(token.claims)), key.entry, issuer)
        return _Held(verified, keys, key, begins, ends, jti if isinstance(jti, str) else "")


def _remember(known: dict[bytes, _Known], digest: bytes, what: _Known, most: int) -> None:
    known.pop(digest, None)
    while len(known) >= most:
        del known[next(iter(known))]
    known[digest] = what


def _peek_issuer(authorization: str | None) -> str:
    try:
        issuer = peek(bearer(authorization)).get("iss")
    except Untrusted:
        return ""
    return issuer if isinstance(issuer, str) else ""


def _times(claims: Mapping[str, Any], now: float, leeway: float) -> tuple[float, float]:
    """Return when the token begins and ends to hold, the leeway included; raises Untrusted."""
    ends = _moment(claims, "exp")
    if ends is None:
        raise Untrusted("there is no exp")
    starts = [moment for name in ("nbf", "iat") if (moment := _moment(claims, name)) is not None]
    begins = max(starts, default=-math.inf) - leeway
    if now >= ends + leeway:
        raise Untrusted(f"the token expired {now - ends:.0f} s ago")
    if now < begins:
        raise Untrusted(f"the token is not valid before {begins - now:.0f} s from now")
    return begins, ends + leeway


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

"""The local issuer: SmartOps makes tokens itself if there is no other identity provider."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from smartops.config.settings import LocalIssuerSettings
from smartops.services import Clock, Issuer

from .key_files import KeyFile
from .token import ALGORITHM, segment

KEY_BITS = 2048
_ACT_FOR_OTHERS = "act"
"""The scope of a token whose bearer may name another sender."""
TOKEN_ID = re.compile(r"tok_[A-Za-z0-9_-]{22}")
"""The ids (``jti``) of tokens. The prefix tells them from fragments of a token."""


class LocalIssuer:
    """Makes tokens with the first private key of a file; tokens of its other keys are valid too.

    A missing key is generated, and unless ``writes`` is false written to the
    file, readable by its owner only. Raises StartupError if the file cannot be
    read or written, holds no usable key, or is open to other users of the machine.
    The file is read again while the server runs, so that keys can be changed.
    """

    def __init__(self, settings: LocalIssuerSettings, clock: Clock, *, writes: bool = True) -> None:
        self.name = settings.name
        self._settings = settings
        self._clock = clock
        self._file = _file(settings.key)
        self._privates = self._file.load_or_make(writes=writes)
        self._trusted = Issuer(
            self.name,
            (settings.issuer,),
            (settings.audience,),
            keys=self._read_public if settings.key.exists() else _public(self._privates),
            tenant="",
            team="team",
            impersonation=True,
        )

    def as_issuer(self) -> Issuer:
        """Return what the verifier needs to know to trust these tokens."""
        return self._trusted

    def make_token(
        self,
        user: str,
        *,
        act_for_others: bool = False,
        team: str = "",
        lifetime: timedelta | None = None,
    ) -> str:
        """Return a token for ``user``, valid from now for ``lifetime``.

        With ``act_for_others`` its bearer may name another sender. ``team`` is the
        team whose rate limit applies. Its ``jti``, by which it can be revoked, is
        random. Raises ValueError if the name is empty or has invisible characters,
        or the lifetime is not positive.
        """
        lifetime = self._settings.lifetime if lifetime is None else lifetime
        if not user or user != user.strip() or not user.isprintable():
            raise ValueError(f"{user!r} cannot be the name of a user")
        if lifetime < timedelta(seconds=1):
            raise ValueError("a token must be valid for at least a second")
        now = int(self._clock.time())
        claims: dict[str, Any] = {
            "iss": self._settings.issuer,
            "aud": self._settings.audience,
            "sub": user,
            "iat": now,
            "nbf": now,
            "exp": now + int(lifetime.total_seconds()),
            "jti": f"tok_{secrets.token_urlsafe(16)}",
        }
        if act_for_others:
            claims["scope"] = _ACT_FOR_OTHERS
        if team:
            claims["team"] = team
        kid = _public_entry(self._privates[0])["kid"]
        return jwt.encode(claims, self._privates[0], ALGORITHM, headers={"kid": kid})

    def add_key(self) -> int:
        """Add a key to the file, which signs from now on; return the number of older keys."""
        self._privates = [_make(), *self._privates]
        self._file.replace(self._privates)
        return len(self._privates) - 1

    def drop_old_keys(self) -> int:
        """Remove all keys but the one that signs from the file; return their number."""
        dropped = len(self._privates) - 1
        self._privates = self._privates[:1]
        self._file.replace(self._privates)
        return dropped

    def _read_public(self) -> dict[str, Any]:
        return _public(self._file.load())


def _public(privates: Sequence[rsa.RSAPrivateKey]) -> dict[str, Any]:
    """Return the JWK set of the public keys."""
    return {"keys": [_public_entry(private) for private in privates]}


def _public_entry(private: rsa.RSAPrivateKey) -> dict[str, Any]:
    """Return the JWK set entry; its kid is the thumbprint of RFC 7638."""
    public = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    canonical = f'{{"e":"{public["e"]}","kty":"RSA","n":"{public["n"]}"}}'
    kid = segment(hashlib.sha256(canonical.encode()).digest())
    return {
        "kty": "RSA",
        "use": "sig",
        "alg": ALGORITHM,
        "kid": kid,
        "n": public["n"],
        "e": public["e"],
    }


def _file(path: Path) -> KeyFile[rsa.RSAPrivateKey]:
    kind = f"RSA key of at least {KEY_BITS} bits"
    return KeyFile(path, "the local issuer", kind, _make, _is_usable)


def _make() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def _is_usable(key: object) -> bool:
    return isinstance(key, rsa.RSAPrivateKey) and key.key_size >= KEY_BITS

"""The local issuer: SmartOps makes tokens itself if there is no other identity provider."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from smartops.config.settings import LocalIssuerSettings
from smartops.errors import Problem, StartupError
from smartops.services import Clock, Issuer

from .token import ALGORITHM, segment

KEY_BITS = 2048
_ACT_FOR_OTHERS = "act"
"""The scope of a token whose bearer may name another sender."""
_BLOCK = re.compile(rb"-----BEGIN .+?-----END [^-]+-----", re.DOTALL)
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
        self._privates = _load_or_make(settings.key, writes=writes)
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
        _replace(self._settings.key, self._privates)
        return len(self._privates) - 1

    def drop_old_keys(self) -> int:
        """Remove all keys but the one that signs from the file; return their number."""
        dropped = len(self._privates) - 1
        self._privates = self._privates[:1]
        _replace(self._settings.key, self._privates)
        return dropped

    def _read_public(self) -> dict[str, Any]:
        return _public(_load(self._settings.key))


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


def _load_or_make(path: Path, *, writes: bool) -> list[rsa.RSAPrivateKey]:
    with _file_problems(path):
        if not path.exists():
            if not writes:
                return [_make()]
            _create(path)
    return _load(path)


def _load(path: Path) -> list[rsa.RSAPrivateKey]:
    with _file_problems(path):
        _check_mode(path)
        return _parse(path)


@contextlib.contextmanager
def _file_problems(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        other = error.filename not in (None, str(path))
        hint = f"look at {error.filename}" if other else ""
        raise _problem(path, f"cannot be used: {error.strerror}", hint) from error


def _make() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def _create(path: Path) -> None:
    """Write a new key. Of several processes that do so at once, one wins and all use its key."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _draft(path, [_make()]) as draft, contextlib.suppress(FileExistsError):
        os.link(draft, path)


def _replace(path: Path, privates: Sequence[rsa.RSAPrivateKey]) -> None:
    """Replace the keys in the file at once; its owner and mode stay."""
    with _file_problems(path), _draft(path.resolve(), privates) as draft:
        before = path.stat()
        if os.name == "posix":
            os.chown(draft, before.st_uid, before.st_gid)
        draft.chmod(stat.S_IMODE(before.st_mode))
        draft.replace(path.resolve())


@contextlib.contextmanager
def _draft(path: Path, privates: Sequence[rsa.RSAPrivateKey]) -> Iterator[Path]:
    """Write the keys to a new file beside ``path``, which is removed at the end."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(draft, "xb", opener=_private_file) as file:
            file.writelines(_pem(private) for private in privates)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _pem(private: rsa.RSAPrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _private_file(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


def _check_mode(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and mode & 0o027:
        raise _problem(path, f"has the mode {mode:04o}", f"chmod 600 {path}")


def _parse(path: Path) -> list[rsa.RSAPrivateKey]:
    blocks = _BLOCK.findall(path.read_bytes()) or [b""]
    return [_parse_block(path, block) for block in blocks]


def _parse_block(path: Path, block: bytes) -> rsa.RSAPrivateKey:
    try:
        private = serialization.load_pem_private_key(block, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _problem(path, "holds no private key in PEM form without a password") from None
    if not isinstance(private, rsa.RSAPrivateKey) or private.key_size < KEY_BITS:
        raise _problem(path, f"holds no RSA key of at least {KEY_BITS} bits")
    return private


def _problem(path: Path, text: str, hint: str = "") -> StartupError:
    return StartupError(Problem(f"the key of the local issuer {text}", where=str(path), hint=hint))

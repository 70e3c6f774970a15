"""The key that signs checkpoints and authenticates rows. It is a file, outside the database."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from smartops.errors import Problem, StartupError

from .key_files import KeyFile

_PURPOSE = b"smartops-audit-checkpoint\0"
"""It begins what is signed, so that no other signature of the key can stand for a checkpoint."""
_ROWS = b"smartops-store-rows/1"


class AuditKey:
    """Signs with the first Ed25519 key of a file; signatures of its other keys are valid too.

    A missing key is generated, and written if it ``writes``. Raises StartupError.
    """

    def __init__(self, path: Path, *, writes: bool = True) -> None:
        file = KeyFile(
            path, "the audit log", "Ed25519 key", Ed25519PrivateKey.generate, _is_private
        )
        self._keys = file.load_or_make(writes=writes)
        self.id = key_id(self._keys[0].public_key())
        self.secrets: Sequence[bytes] = tuple(map(_secret, self._keys))

    def sign(self, content: bytes) -> bytes:
        """Return the signature of a checkpoint."""
        return self._keys[0].sign(_PURPOSE + content)

    @property
    def public(self) -> tuple[Ed25519PublicKey, ...]:
        """The public keys."""
        return tuple(item.public_key() for item in self._keys)


def _secret(key: Ed25519PrivateKey) -> bytes:
    """Return the key for MACs of rows that belongs to a signing key."""
    derivation = HKDF(hashes.SHA256(), 32, salt=None, info=_ROWS)
    return derivation.derive(key.private_bytes_raw())


def _is_private(key: object) -> bool:
    return isinstance(key, Ed25519PrivateKey)


def key_id(public: Ed25519PublicKey) -> str:
    """Return the id of a public key: the beginning of its SHA-256."""
    return f"ed25519:{hashlib.sha256(public.public_bytes_raw()).hexdigest()[:16]}"


def public_pem(public: Ed25519PublicKey) -> str:
    """Return a public key in PEM form."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return public.public_bytes(serialization.Encoding.PEM, form).decode()


def read_public(path: Path) -> tuple[Ed25519PublicKey, ...]:
    """Return the public key of a PEM file; raises StartupError."""
    try:
        found = serialization.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError):
        found = None
    if not isinstance(found, Ed25519PublicKey):
        raise StartupError(
            Problem("the file holds no public Ed25519 key in PEM form", where=str(path))
        )
    return (found,)


def verifier(publics: Sequence[Ed25519PublicKey]) -> Callable[[bytes, bytes], bool]:
    """Return a function that tells whether one of the keys signed a content."""

    def valid(content: bytes, signature: bytes) -> bool:
        for public in publics:
            try:
                public.verify(signature, _PURPOSE + content)
            except InvalidSignature:
                continue
            return True
        return False

    return valid

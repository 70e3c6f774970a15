"""The Ed25519 signature of an interaction, over its timestamp and its raw body."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from smartops import Clock, ValidationFailed
from smartops.channels import AuthenticationFailed, Inbound

SIGNATURE, TIMESTAMP = "x-signature-ed25519", "x-signature-timestamp"
LEEWAY = 300
"""Seconds that the timestamp may differ from our clock."""


class Signature:
    """Verifies the signatures of one application."""

    def __init__(self, public_key: str, clock: Clock) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        self._clock = clock

    def check(self, inbound: Inbound) -> None:
        """Raise AuthenticationFailed unless Discord signed the request within the leeway."""
        try:
            timestamp = inbound.headers.get(TIMESTAMP) or ""
            signature = bytes.fromhex(inbound.headers.get(SIGNATURE) or "")
            self._key.verify(signature, timestamp.encode() + inbound.body)
            if abs(self._clock.time() - int(timestamp)) > LEEWAY:
                raise ValueError("the timestamp is too old or too new")
        except (InvalidSignature, ValueError, ValidationFailed) as error:
            raise AuthenticationFailed("Invalid or missing signature") from error

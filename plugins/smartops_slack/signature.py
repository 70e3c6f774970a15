"""The signature of a request: HMAC over its raw body and its timestamp."""

from __future__ import annotations

import hmac
import logging

from smartops import Clock, Secret, ValidationFailed
from smartops.channels import AuthenticationFailed, Inbound

TIMESTAMP = "x-slack-request-timestamp"
SIGNATURE = "x-slack-signature"
LEEWAY = 300
"""Seconds that the timestamp may differ from our clock."""

log = logging.getLogger("smartops.slack")


class Signature:
    """Verifies the signatures of one app."""

    def __init__(self, secret: Secret, clock: Clock) -> None:
        if not secret.reveal().strip():
            raise ValueError("an empty signing secret signs everything")
        self._secret = secret.reveal().encode()
        self._clock = clock

    def check(self, inbound: Inbound) -> None:
        """Raise AuthenticationFailed unless Slack signed this body within the leeway."""
        if reason := self._invalid(inbound):
            log.warning("request %s is not authentic: %s", inbound.request_id, reason)
            raise AuthenticationFailed("Invalid or missing signature")

    def _invalid(self, inbound: Inbound) -> str:
        """Return why the signature is invalid; empty if it is valid."""
        try:
            timestamp = inbound.headers.get(TIMESTAMP)
            signature = inbound.headers.get(SIGNATURE)
        except ValidationFailed as repeated:
            return repeated.message
        if not timestamp or not signature:
            return "the signature or its timestamp is missing"
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
            return "the timestamp is no number of seconds"
        age = self._clock.time() - int(timestamp)
        if abs(age) > LEEWAY:
            when = f"{age:.0f} seconds ago" if age > 0 else f"{-age:.0f} seconds in the future"
            return f"it was signed {when}"
        signed = b"v0:%b:%b" % (timestamp.encode(), inbound.body)
        expected = f"v0={hmac.digest(self._secret, signed, 'sha256').hex()}".encode()
        if not hmac.compare_digest(expected, signature.encode("latin-1")):
            return "the signature is of another body or another secret"
        return ""

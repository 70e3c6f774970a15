"""Whether a request is Slack's: its signature over the raw body, and its age."""

from __future__ import annotations

import hmac
import logging

from smartops import Clock, Secret, ValidationFailed
from smartops.channels import AuthenticationFailed, Inbound

TIMESTAMP = "x-slack-request-timestamp"
SIGNATURE = "x-slack-signature"
LEEWAY = 300
"""Seconds that a request may be old, or Slack's clock ahead."""

log = logging.getLogger("smartops.slack")


class Signature:
    """Checks the signatures of one app."""

    def __init__(self, secret: Secret, clock: Clock) -> None:
        if not secret.reveal().strip():
            raise ValueError("an empty signing secret signs everything")
        self._secret = secret.reveal().encode()
        self._clock = clock

    def check(self, inbound: Inbound) -> None:
        """Raise AuthenticationFailed unless Slack signed exactly this, just now."""
        if reason := self._unproven(inbound):
            log.warning("request %s is not authentic: %s", inbound.request_id, reason)
            raise AuthenticationFailed("Invalid or missing signature")

    def _unproven(self, inbound: Inbound) -> str:
        """Return why the request is not Slack's; empty if it is."""
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
            return f"it was signed {age:.0f} seconds ago"
        if not hmac.compare_digest(self.of(timestamp, inbound.body), signature.encode("latin-1")):
            return "the signature is of another body or another secret"
        return ""

    def of(self, timestamp: str, body: bytes) -> bytes:
        """Return the one signature that the body has at that time."""
        signed = b"v0:%b:%b" % (timestamp.encode("ascii"), body)
        return b"v0=" + hmac.digest(self._secret, signed, "sha256").hex().encode()

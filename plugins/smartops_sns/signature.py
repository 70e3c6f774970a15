"""The signatures of Amazon SNS, version 2: RSA over SHA-256.

Source: the documentation of Amazon SNS, "Verifying the signatures of Amazon SNS messages". The
certificate is only fetched from a host of SNS in the topic's own region, over HTTPS; what is
signed does not contain its URL.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from cachetools import LRUCache
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from smartops import Clock, Refusal
from smartops.channels import HttpClient, JsonObject, text_of

MAX_AGE = timedelta(minutes=65)
"""SNS sends a message again for up to an hour, with its first timestamp."""
AHEAD = timedelta(minutes=5)
"""How far the clock of SNS may be ahead of ours."""

_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_PATH = r"/SimpleNotificationService-[0-9a-f]{1,64}\.pem"


def host_of(topic: str) -> str:
    """Return the host of SNS in the region of a topic."""
    _, partition, _, region, *_ = topic.split(":")
    return f"sns.{region}.amazonaws.com{'.cn' if partition == 'aws-cn' else ''}"


class Signature:
    """Verifies signatures. Certificates are remembered by their URL."""

    def __init__(self, http: HttpClient, clock: Clock) -> None:
        self._http = http
        self._clock = clock
        self._certificates: LRUCache[str, x509.Certificate] = LRUCache(10)

    async def why_invalid(self, body: JsonObject) -> str:
        """Return why a message is not signed by SNS, for the log; empty if it is.

        Raises BackendUnavailable if the certificate cannot be fetched now.
        """
        if text_of(body, "SignatureVersion") != "2":
            return "SignatureVersion is not 2; set this attribute of the topic"
        if reason := self._old(text_of(body, "Timestamp")):
            return reason
        url = text_of(body, "SigningCertURL")
        if not re.fullmatch(f"https://{re.escape(host_of(text_of(body, 'TopicArn')))}{_PATH}", url):
            return "SigningCertURL is no URL of SNS in the topic's region"
        try:
            certificate = await self._certificate(url)
            signature = base64.b64decode(text_of(body, "Signature"), validate=True)
            key = certificate.public_key()
            if not isinstance(key, RSAPublicKey):
                return "the certificate has no RSA key"
            key.verify(signature, _signed(body), PKCS1v15(), SHA256())
        except (InvalidSignature, ValueError, binascii.Error):
            return "the signature is of another message or another key"
        return self._untrusted(certificate)

    async def _certificate(self, url: str) -> x509.Certificate:
        known = self._certificates.get(url)
        if known is None:
            reply = await self._http.request("GET", url, timeout=3.0, max_bytes=16_384)
            if reply.status != 200:
                raise ValueError("there is no certificate")
            known = self._certificates[url] = x509.load_pem_x509_certificate(reply.body)
        return known

    def _untrusted(self, certificate: x509.Certificate) -> str:
        now = self._clock.now()
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            return "the certificate is not valid now"
        if [name.value for name in names] != ["sns.amazonaws.com"]:
            return "the certificate is not of sns.amazonaws.com"
        return ""

    def _old(self, timestamp: str) -> str:
        try:
            age = self._clock.now() - datetime.fromisoformat(timestamp)
        except (TypeError, ValueError):
            return "there is no timestamp"
        return "" if -AHEAD <= age <= MAX_AGE else "the timestamp is too old or in the future"


def _signed(body: JsonObject) -> bytes:
    names: Sequence[str] = _NOTIFICATION if body["Type"] == "Notification" else _CONFIRMATION
    parts = (f"{name}\n{text_of(body, name)}\n" for name in names if name in body)
    return "".join(parts).encode()


async def confirm(http: HttpClient, body: JsonObject) -> None:
    """Confirm the subscription of a signed message; raises a refusal if SNS does not."""
    url, host = text_of(body, "SubscribeURL"), host_of(text_of(body, "TopicArn"))
    if not url.startswith(f"https://{host}/?Action=ConfirmSubscription&"):
        raise Refusal("SubscribeURL is no URL of SNS in the topic's region")
    reply = await http.request("GET", url, timeout=10.0)
    if reply.status != 200:
        raise Refusal(f"SNS answered {reply.status} to the confirmation of the subscription")

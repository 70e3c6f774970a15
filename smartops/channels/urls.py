"""Strict parsing of URLs that come in a message and that a secret is sent to."""

from __future__ import annotations

import re
from dataclasses import dataclass

from smartops.addresses import is_loopback

# Strict: a URL that two parsers could read as different hosts does not match.
_URL = re.compile(
    r"(?P<scheme>https?|wss?)://"
    r"(?:(?P<host>[a-z0-9-]+(?:\.[a-z0-9-]+)*)|\[(?P<loopback>::1)\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[!-\[\]-~]*)?",
    re.IGNORECASE | re.ASCII,
)
_PORTS = {"https": 443, "wss": 443, "http": 80, "ws": 80}


@dataclass(frozen=True, slots=True)
class Url:
    """The parts of a URL without user and password; scheme and host are in lower case."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, text: str) -> Url | None:
        """Return the parts; None for anything but a plain http, https, ws or wss URL."""
        match = _URL.fullmatch(text)
        if match is None:
            return None
        scheme = match["scheme"].lower()
        host = (match["host"] or match["loopback"]).lower()
        return cls(scheme, host, int(match["port"] or _PORTS[scheme]), match["path"] or "")

    @property
    def is_loopback(self) -> bool:
        """Whether it stays on this machine."""
        return is_loopback(self.host)

    @property
    def is_secure(self) -> bool:
        """Whether it is https or wss on the usual port."""
        return self.scheme in ("https", "wss") and self.port == 443

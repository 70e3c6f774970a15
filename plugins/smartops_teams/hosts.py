"""Where answers may be sent: the token that goes with them must reach nobody else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from .config import LOOPBACK

# Strict on purpose: what two parsers might read as different hosts does not match.
_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?:(?P<host>[a-z0-9-]+(?:\.[a-z0-9-]+)*)|\[(?P<loopback>::1)\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?:/[!-\[\]-~]*)?",
    re.IGNORECASE | re.ASCII,
)


class ServiceHosts:
    """The allow-list for ``serviceUrl``."""

    def __init__(self, patterns: Iterable[str]) -> None:
        patterns = tuple(patterns)
        self._exact = frozenset(pattern for pattern in patterns if not pattern.startswith("*."))
        self._suffixes = tuple(pattern[1:] for pattern in patterns if pattern.startswith("*."))
        self.allows = lru_cache(maxsize=256)(self._allows)

    def _allows(self, url: str) -> bool:
        """Say whether the connector of this service URL may be called.

        https only, on the usual port, with no user in the URL. A loopback name
        that is listed may use http and any port: it is for development.
        """
        parts = _URL.fullmatch(url)
        if parts is None:
            return False
        host = (parts["host"] or parts["loopback"]).lower()
        if host in LOOPBACK:
            return host in self._exact
        if parts["scheme"].lower() != "https" or parts["port"] not in (None, "443"):
            return False
        return host in self._exact or host.endswith(self._suffixes)

"""Where answers may be sent: the token that goes with them must reach nobody else."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit

from .config import LOOPBACK


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
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError:
            return False
        if "@" in parts.netloc or "\\" in url or not url.isascii() or not url.isprintable():
            return False
        if host in LOOPBACK:
            return host in self._exact and parts.scheme in ("http", "https")
        if parts.scheme != "https" or port not in (None, 443):
            return False
        return host in self._exact or host.endswith(self._suffixes)

"""Where answers may be sent: the token that goes with them must reach no other host."""

from __future__ import annotations

from collections.abc import Iterable

from smartops.channels import Url


class ServiceHosts:
    """The allow-list for ``serviceUrl``."""

    def __init__(self, patterns: Iterable[str]) -> None:
        patterns = tuple(patterns)
        self._exact = frozenset(pattern for pattern in patterns if not pattern.startswith("*."))
        self._suffixes = tuple(pattern[1:] for pattern in patterns if pattern.startswith("*."))

    def allows(self, url: str) -> bool:
        """Return whether the connector of this service URL may be called.

        https only, on the usual port, with no user in the URL. A loopback name
        that is listed may use http and any port: it is for development.
        """
        parts = Url.parse(url)
        if parts is None or parts.scheme not in ("https", "http"):
            return False
        if parts.is_loopback:
            return parts.host in self._exact
        known = parts.host in self._exact or parts.host.endswith(self._suffixes)
        return known and parts.is_secure

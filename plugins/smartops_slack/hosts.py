"""The URLs that may be called: each request carries a token, or its URL is a secret."""

from __future__ import annotations

from smartops.channels import Url

DOMAINS = frozenset({"slack.com", "slack-gov.com"})
_SOCKETS = {"https": "wss", "http": "ws"}


def base_url(value: str) -> str:
    """Return the URL of a Web API with a slash at the end; raises ValueError if it is invalid.

    Only a loopback name, which is a simulator, may use http.
    """
    url = Url.parse(value)
    if url is None or url.scheme not in _SOCKETS or set("?#@") & set(url.path):
        raise ValueError("must be a URL such as https://slack.com/api/")
    if url.scheme == "http" and not url.is_loopback:
        raise ValueError("must begin with https://; only a loopback name may use http")
    return value if value.endswith("/") else f"{value}/"


class Hosts:
    """The hosts besides the Web API's: below Slack's domain, or a simulator's own."""

    def __init__(self, api_url: str) -> None:
        base = Url.parse(api_url)
        assert base is not None
        self._base = base
        self._slack = base.is_secure and base.host in DOMAINS

    def answers(self, url: str) -> bool:
        """Return whether it is a ``response_url``."""
        return self._allows(url, self._base.scheme, f"hooks.{self._base.host}")

    def uploads(self, url: str) -> bool:
        """Return whether the content of a file may be sent there."""
        return self._allows(url, self._base.scheme, f"files.{self._base.host}")

    def sockets(self, url: str) -> bool:
        """Return whether it is a WebSocket of Socket Mode."""
        parts = Url.parse(url)
        if not self._slack or parts is None:
            return self._allows(url, _SOCKETS[self._base.scheme], self._base.host)
        below = parts.host.endswith(f".{self._base.host}")
        return below and parts.scheme == "wss" and parts.is_secure

    def _allows(self, url: str, scheme: str, host: str) -> bool:
        parts = Url.parse(url)
        if parts is None or (parts.scheme, parts.port) != (scheme, self._base.port):
            return False
        return parts.host == (host if self._slack else self._base.host)

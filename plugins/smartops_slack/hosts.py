"""Where Slack may be called: what goes there is a token, or as good as one."""

from __future__ import annotations

import re

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
DOMAINS = frozenset({"slack.com", "slack-gov.com"})

# Strict on purpose: what two parsers might read as different hosts does not match.
_URL = re.compile(
    r"(?P<scheme>https?|wss?)://"
    r"(?P<host>[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[::1\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[!-\[\]-~]*)?",
    re.ASCII,
)
_DEFAULT_PORTS = {"https": "443", "wss": "443", "http": "80", "ws": "80"}
_SOCKETS = {"https": "wss", "http": "ws"}


def base_url(value: str) -> str:
    """Return the URL of a Web API, with a slash at the end; raises ValueError if it is none.

    https only; a loopback name may use http, for that is a simulator.
    """
    match = _URL.fullmatch(value)
    if match is None or match["scheme"] not in _SOCKETS or set("?#@") & set(match["path"] or ""):
        raise ValueError("must be a URL such as https://slack.com/api/")
    if match["scheme"] == "http" and match["host"] not in LOOPBACK:
        raise ValueError("must begin with https://; only a loopback name may use http")
    return value if value.endswith("/") else f"{value}/"


class Hosts:
    """What may be called besides the Web API itself.

    Slack's own services are on fixed hosts below its domain. Whoever stands in
    for it (a simulator) has everything where its Web API is.
    """

    def __init__(self, api_url: str) -> None:
        match = _URL.fullmatch(api_url)
        assert match is not None
        self._scheme, self._host, self._port = match["scheme"], match["host"], _port(match)
        self._slack = self._scheme == "https" and self._host in DOMAINS and self._port == "443"

    def answers(self, url: str) -> bool:
        """Say whether it is a ``response_url``."""
        if not url:
            return False
        return self._allows(url, self._scheme, f"hooks.{self._host}")

    def uploads(self, url: str) -> bool:
        """Say whether the content of a file may go there."""
        return self._allows(url, self._scheme, f"files.{self._host}")

    def sockets(self, url: str) -> bool:
        """Say whether it is a WebSocket of Socket Mode."""
        match = _URL.fullmatch(url)
        if not self._slack or match is None:
            return self._allows(url, _SOCKETS[self._scheme], self._host)
        return (
            match["scheme"] == "wss"
            and _port(match) == "443"
            and match["host"].endswith(f".{self._host}")
        )

    def _allows(self, url: str, scheme: str, host: str) -> bool:
        match = _URL.fullmatch(url)
        if match is None or match["scheme"] != scheme or _port(match) != self._port:
            return False
        return match["host"] == (host if self._slack else self._host)


def _port(match: re.Match[str]) -> str:
    return match["port"] or _DEFAULT_PORTS[match["scheme"]]

"""Recognising requests from this machine, for development without tokens."""

from __future__ import annotations

from smartops.channels import Inbound, is_loopback

_NAMES = ("localhost", "127.0.0.1", "[::1]")
_PROXIED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


def is_from_this_machine(inbound: Inbound) -> bool:
    """Return whether the request was made directly from a loopback address.

    False if a proxy forwarded it, if its ``Host`` is another name, or if its
    ``Origin`` is another site, because a browser sends requests of other sites too.
    """
    headers = inbound.headers
    host = (headers.get("host") or "").lower()
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    origin = headers.get("origin")
    return (
        is_loopback(inbound.peer)
        and name in _NAMES
        and (origin is None or origin.lower() == f"http://{host}")
        and not any(headers.get(header) for header in _PROXIED)
    )

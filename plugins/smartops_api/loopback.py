"""Whether a request comes from this very machine, for development without tokens."""

from __future__ import annotations

from smartops.channels import Inbound, is_loopback

_NAMES = ("localhost", "127.0.0.1", "[::1]")
_PROXIED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


def is_from_this_machine(inbound: Inbound) -> bool:
    """Say whether the peer is a loopback address that speaks for itself.

    Not so if a proxy passed the request on, nor if it was sent to another name
    or by another site's page: a browser on this machine is not its user.
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

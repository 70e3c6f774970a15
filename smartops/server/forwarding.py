"""The address of a client behind trusted proxies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from .asgi import Scope

_FOR = re.compile(r'(?i)(?:^|;)\s*for="?([^";]*)"?')
_PORT = re.compile(r"(\d+\.\d+\.\d+\.\d+|\[[^\]]*\])(?::\d+)?")

Address = IPv4Address | IPv6Address


class Forwarding:
    """Finds the client's address; networks in ``trusted`` are those of proxies."""

    def __init__(self, trusted: Sequence[str]) -> None:
        self._trusted = [ip_network(network, strict=False) for network in trusted]

    def applied(self, scope: Scope) -> Scope:
        """Return the scope with the client's address.

        Proxies append the address that they saw. So the client is the last one that is not a
        trusted proxy: what it sent itself stands before that, and proves nothing.
        """
        client = scope.get("client")
        if not self._trusted or not client or not self._trusts(_address(client[0])):
            return scope
        found: str = client[0]
        for text in reversed(_forwarded(scope["headers"])):
            address = _address(text)
            if address is None:
                break
            found = str(address)
            if not self._trusts(address):
                break
        return {**scope, "client": (found, 0)}

    def _trusts(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self._trusted)


def _forwarded(headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
    """Return the forwarded addresses; none if both headers are given: one may be the client's."""
    found: dict[bytes, list[str]] = {}
    for name, value in headers:
        if name in (b"x-forwarded-for", b"forwarded"):
            found.setdefault(name, []).extend(value.decode("latin-1").split(","))
    if len(found) != 1:
        return []
    ((name, items),) = found.items()
    if name == b"x-forwarded-for":
        return items
    return [match[1] if (match := _FOR.search(item)) else "" for item in items]


def _address(text: str) -> Address | None:
    """Return the address in a text, which may have a port."""
    text = text.strip()
    if match := _PORT.fullmatch(text):
        text = match[1].strip("[]")
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address

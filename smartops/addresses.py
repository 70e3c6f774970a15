"""Recognising loopback addresses and URLs that are safe to trust."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``, an address or ``localhost``."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_loopback


def split_url(url: str) -> SplitResult | None:
    """Return the parts of a URL, or None if it is malformed."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def url_problem(url: str) -> str | None:
    """Return why a URL is not safe to trust, or None.

    It must be https, or http on a loopback address.
    """
    parts = split_url(url)
    if parts is None or not parts.hostname:
        return "is not an address"
    if "@" in parts.netloc:
        return "holds a user name"
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname)):
        return None
    return "is not https"


def is_network(text: str) -> bool:
    """Return whether the text is an IP address or network."""
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True

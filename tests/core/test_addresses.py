"""Which addresses lead to this machine only."""

from __future__ import annotations

import pytest

from smartops.addresses import is_loopback


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:10.0.0.1", False),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("", False),
    ],
)
def test_only_loopback_addresses_are_local(host: str, is_here: bool) -> None:
    assert is_loopback(host) is is_here

"""Servers that are stopped after the test."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serving import ROOT, Server


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[str], Server]]:
    """Return a function that starts a server with a configuration."""
    servers: list[Server] = []

    def start(text: str, asgi: str = "", **environment: str) -> Server:
        # in a separate folder, because the demo stores its state beside the file
        config = tmp_path / f"home-{len(servers)}" / "config" / "smartops.yaml"
        config.parent.mkdir(parents=True)
        config.write_text(text)
        server = Server(config, asgi=asgi)
        servers.append(server)
        return server.start(**environment)

    yield start
    for server in servers:
        if server.process is not None and server.process.poll() is None:
            server.stop(signal.SIGKILL)


@pytest.fixture
def demo_text() -> str:
    """Return the shipped demo configuration."""
    return (ROOT / "config" / "demo.yaml").read_text()

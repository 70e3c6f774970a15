"""Servers that are stopped when the test is over."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serving import ROOT, Server


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[str], Server]]:
    """Start servers on configuration texts; they are stopped afterwards."""
    servers: list[Server] = []

    def start(text: str, asgi: str = "", **environment: str) -> Server:
        # in a folder of its own, for the demo keeps its state beside that
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
    """The demo configuration as it ships."""
    return (ROOT / "config" / "demo.yaml").read_text()

"""Servers that are stopped after the test."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from serving import ROOT, Server

Serve = Callable[..., Server]


@contextmanager
def serving(folder: Path) -> Iterator[Serve]:
    """Yield a function that starts a server with a configuration; stop all in the end."""
    servers: list[Server] = []

    def start(text: str, asgi: str = "", **environment: str) -> Server:
        # in a separate folder, because the demo stores its state beside the file
        config = folder / f"home-{len(servers)}" / "config" / "smartops.yaml"
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
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start servers for one test."""
    with serving(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def serve_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Start servers that all tests of a module use."""
    with serving(tmp_path_factory.mktemp("servers")) as start:
        yield start


@pytest.fixture(scope="session")
def demo_text() -> str:
    """Return the shipped demo configuration."""
    return (ROOT / "config" / "demo.yaml").read_text()

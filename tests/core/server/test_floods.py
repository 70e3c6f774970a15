"""Floods: the server bounds the files, memory and time that clients take."""

import asyncio
import http.client
import os
import re
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from smartops.server import bounds, connections
from smartops.server.connections import Listener

pytestmark = pytest.mark.anyio

FILES = 1024
"""The soft limit that login shells and service managers usually give."""

CONFIG = """
server: {port: 0}
store: {url: sqlite:///smartops.db}
auth: {anonymous: true}
guests: [{provider: anonymous, roles: [operator]}]
roles: {operator: }
rules: [{name: all, allow: {roles: operator}}]
plugins: {api: }
"""


@dataclass
class Process:
    """A server in a process of its own, with few files."""

    pid: int
    port: int
    log: Path

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def ask(self) -> int:
        """Send a message in a new connection; return the status of the answer."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as client:
            headers = {"Content-Type": "application/json"}
            client.request("POST", "/api/messages", '{"text": "whoami"}', headers)
            return client.getresponse().status

    def peak(self) -> int:
        """Return the most memory that was resident, in MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) // 1024  # type: ignore[index]


def _few_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    (tmp_path / "smartops.yaml").write_text(CONFIG)
    log = tmp_path / "log"
    with log.open("wb") as errors:
        server = subprocess.Popen(
            [sys.executable, "-m", "smartops", "serve"],
            cwd=tmp_path,
            env={name: text for name, text in os.environ.items() if name != "SMARTOPS_CONFIG"},
            stdout=subprocess.PIPE,
            stderr=errors,
            preexec_fn=_few_files,  # noqa: PLW1509 - no threads here
        )
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline().rpartition(b":")[2])
        yield Process(server.pid, port, log)
    finally:
        server.kill()
        server.communicate()


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let this process open more files than the server may."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limits[1] < 4 * FILES:
        pytest.skip("this process may not open enough files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (4 * FILES, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_idle_connections_beyond_the_file_limit(process: Process, many_files: None) -> None:
    with ExitStack() as idle:
        for _ in range(FILES + 200):
            idle.enter_context(process.connect())
        assert [process.ask() for _ in range(5)] == [200] * 5
    began = time.monotonic()
    assert process.ask() == 200

    assert time.monotonic() - began < 5
    log = process.log.read_text()
    assert f"only {FILES} files may be open at once" in log
    assert "Traceback" not in log
    assert len(log) < 10_000


def test_half_sent_bodies_take_a_bounded_amount_of_memory(
    process: Process, many_files: None
) -> None:
    assert process.ask() == 200
    before = process.peak()
    head = b"POST /api/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 250000\r\n\r\n"
    with ExitStack() as clients:
        for _ in range(400):
            client = clients.enter_context(process.connect())
            _sent_all_it_can(client, head + b"x" * 240_000)
        assert process.ask() in (200, 503)
        assert process.peak() - before < 76
    assert process.ask() == 200


def _sent_all_it_can(client: socket.socket, data: bytes) -> None:
    client.settimeout(1)
    with suppress(OSError):  # it is refused, or read no further
        client.sendall(data)


async def _send_for_ever(client: socket.socket, data: bytes) -> None:
    while True:
        await asyncio.get_running_loop().sock_sendall(client, data)


async def _never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def test_accepting_without_files_is_retried_once_a_second() -> None:
    errors: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=64))
        address = listening.getsockname()
        for _ in range(40):
            stack.enter_context(socket.create_connection(address))
        last = stack.enter_context(socket.create_connection(address))
        listener = Listener(listening, 1000)
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + 4, limits[1]))
        try:
            server = await asyncio.start_server(_never, sock=listener, backlog=64)
            with anyio.fail_after(5):
                while not errors:
                    await anyio.lowlevel.checkpoint()
            for _ in range(100):
                await anyio.lowlevel.checkpoint()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert len(errors) == 1

        last.shutdown(socket.SHUT_WR)
        with anyio.fail_after(10):
            assert await asyncio.get_running_loop().sock_recv(_unblocked(last), 1) == b""
        server.close()
        await server.wait_closed()
    assert len(errors) == 1


def _unblocked(client: socket.socket) -> socket.socket:
    client.setblocking(False)
    return client


async def test_a_connection_in_use_is_not_closed_for_a_new_one(
    start: Any, monkeypatch: pytest.MonkeyPatch, lines: Any
) -> None:
    monkeypatch.setattr(connections, "MOST", 1)
    server = await start()
    async with server.hanging() as answers:
        assert await server.raw() == b""  # refused: the only connection is in use
        server.deployment.release.set()

    assert answers[0].status == 200
    assert any("all 1 connections are in use" in line["event"] for line in lines())
    assert (await server.raw(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))[
        9:12
    ] == b"200"


@pytest.mark.parametrize("path", ["/livez", "/nothing"])
async def test_unread_small_responses_time_out(
    start: Any, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(bounds, "SEND_SECONDS", 0.2)
    server = await start()
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 100
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with closing(client):
        client.connect(("127.0.0.1", server.port))
        client.setblocking(False)
        with anyio.fail_after(20), pytest.raises(OSError, match=r"reset|pipe|timed out"):
            await _send_for_ever(client, request)

    assert (await server.say("ping")).status == 200

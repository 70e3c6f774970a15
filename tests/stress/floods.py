"""Floods by clients without a token: honest requests are answered meanwhile, in bounded memory.

    python tests/stress/floods.py [--seconds 15]

Each flood runs against one `smartops serve` with 1024 open files at most. Printed are the
latencies of honest requests during and after it, the server's memory, and its log.
"""

from __future__ import annotations

import argparse
import re
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))

from serving import Server

FILES = 1024
CONFIG = """
store: {url: "sqlite:///store.db"}
auth: {issuers: [{name: local, kind: local, key: local.pem}]}
guests: [{provider: local, roles: [operator]}]
roles: {operator: }
rules: [{name: operators, allow: {roles: operator}}]
limits:
  user: {limit: 1000000, window: 1m}
  team: {limit: 1000000, window: 1m}
  burst: {limit: 1000000, window: 1m}
plugins: {api: , fake: , instances: }
"""
SLOWEST = 1.0
"""Seconds within which 99 of 100 honest requests must be answered during a flood."""
LARGEST = 300
"""MB that the server may have resident."""


class FewFiles(Server):
    """A server that may open few files."""

    def _command(self) -> list[str]:
        limit = f'ulimit -n {FILES}; exec "$@"'
        return ["/bin/sh", "-c", limit, "sh", *super()._command()]


@dataclass
class Honest:
    """Honest requests, one after another."""

    server: Server
    token: str
    times: list[float] = field(default_factory=list)
    failures: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.stop.is_set():
            self.ask()
            self.stop.wait(0.02)

    def ask(self) -> float:
        began = time.monotonic()
        try:
            assert self.server.say(self.token, "whoami").status == 200
        except (OSError, AssertionError):
            self.failures += 1
        self.times.append(time.monotonic() - began)
        return self.times[-1]


class Flood:
    """Connections of a client that means harm; they are opened again when they are closed."""

    def __init__(self, server: Server, number: int, first: bytes, *, window: int = 0) -> None:
        self._address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        self._number, self._first, self._window = number, first, window
        self._connections: list[socket.socket] = []

    def step(self) -> None:
        """Open what is missing, a few at once."""
        for _ in range(min(100, self._number - len(self._connections))):
            connection = socket.socket()
            if self._window:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._window)
            connection.settimeout(2)
            with suppress(OSError):
                connection.connect(self._address)
                connection.setblocking(False)
                connection.send(self._first)
            self._connections.append(connection)
        time.sleep(0.05)

    def read_slowly(self) -> None:
        for connection in self._connections:
            with suppress(OSError):
                connection.recv(16)

    def repeat(self) -> None:
        """Send the request again on the connections on which it was answered."""
        for connection in self._connections:
            with suppress(OSError):
                if connection.recv(65536):
                    connection.send(self._first)

    def push(self) -> None:
        """Send the request again on all connections, whether it was answered or not."""
        for connection in self._connections:
            with suppress(OSError):
                connection.recv(65536)
            with suppress(OSError):
                connection.send(self._first)

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


def unread(server: Server, *, slowly: bool) -> tuple[Flood, Callable[[], None]]:
    flood = Flood(server, 300, b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * 50, window=2048)
    return flood, flood.read_slowly if slowly else lambda: None


def half_bodies(server: Server) -> tuple[Flood, Callable[[], None]]:
    head = b"POST /api/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 250000\r\n\r\n"
    return Flood(server, 400, head + b"x" * 240_000), lambda: None


def idle(server: Server) -> tuple[Flood, Callable[[], None]]:
    return Flood(server, FILES + 200, b""), lambda: None


def refusals(server: Server, *, waits: bool) -> tuple[Flood, Callable[[], None]]:
    """Return many forged tokens: each is refused, and is a line of the log.

    Clients that do not wait for answers send 1000 a second.
    """
    token = b"x" * 6000
    head = b"POST /api/messages HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + token
    request = head + b"\r\nContent-Length: 2\r\n\r\n{}"
    flood = Flood(server, 50, request)

    return flood, flood.repeat if waits else flood.push


FLOODS: dict[str, Callable[[Server], tuple[Flood, Callable[[], None]]]] = {
    "idle connections": idle,
    "half bodies": half_bodies,
    "unread answers": lambda server: unread(server, slowly=False),
    "slow readers": lambda server: unread(server, slowly=True),
    "forged tokens": lambda server: refusals(server, waits=True),
    "a storm of them": lambda server: refusals(server, waits=False),
}


def resident(server: Server) -> tuple[float, float]:
    """Return the memory in MB that the server has, and had at most."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    now, most = (re.search(rf"{name}:\s+(\d+)", status) for name in ("VmRSS", "VmHWM"))
    assert now is not None
    assert most is not None
    return int(now[1]) / 1024, int(most[1]) / 1024


def percentile(times: list[float], part: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * part))]


def run(name: str, seconds: float, folder: Path) -> bool:
    path = folder / "smartops.yaml"
    path.write_text(CONFIG)
    server = FewFiles(path).start()
    try:
        token = server.token("user123")
        before = Honest(server, token)
        for _ in range(30):
            before.ask()
        log = server.log.stat().st_size
        flood, each = FLOODS[name](server)
        during = Honest(server, token)
        threads = [threading.Thread(target=during.run) for _ in range(2)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            flood.step()
            each()
        during.stop.set()
        for thread in threads:
            thread.join()
        flood.close()
        after = Honest(server, token)
        first = after.ask()
        _, most = resident(server)
        slowest = percentile(during.times, 0.99)
        written = (server.log.stat().st_size - log) / 1e6
        good = slowest < SLOWEST and first < SLOWEST and most <= LARGEST
        good = good and not during.failures and not after.failures
        print(
            f"{name:17} p99 before {percentile(before.times, 0.99):.3f} s, during {slowest:.3f} s"
            f" of {len(during.times)} ({during.failures} failed), first after {first:.3f} s,"
            f" at most {most:.0f} MB, log {written:.2f} MB: {'OK' if good else 'FAILED'}",
            flush=True,
        )
        return good
    finally:
        server.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15, help="of each flood (default: 15)")
    parser.add_argument("--flood", choices=list(FLOODS), action="append", help="only this one")
    given = parser.parse_args()
    good = True
    for name in given.flood or FLOODS:
        with tempfile.TemporaryDirectory(prefix="smartops-floods-") as folder:
            good &= run(name, given.seconds, Path(folder))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

"""`smartops serve` in a process of its own, for tests over HTTP."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smartops import Clock
from smartops.auth import LocalIssuer
from smartops.config import read
from smartops.config.settings import LocalIssuerSettings

ROOT = Path(__file__).parent.parent.parent
SMARTOPS = [sys.executable, "-m", "smartops"]
START_TIMEOUT = 30


@dataclass(frozen=True)
class HttpAnswer:
    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def code(self) -> str:
        return self.body["error"]["code"]

    @property
    def data(self) -> Any:
        return self.body["data"]

    def action(self, type: str) -> str:
        return next(item["action"] for item in self.data["actions"] if item["type"] == type)


def request(
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    method: str | None = None,
) -> HttpAnswer:
    asked = urllib.request.Request(url, body, dict(headers or {}), method=method)
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return _read(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            return _read(refused)


def _read(answer: Any) -> HttpAnswer:
    raw = answer.read()
    is_json = "json" in answer.headers.get("Content-Type", "")
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return HttpAnswer(answer.status, headers, json.loads(raw) if is_json else raw.decode())


def smartops(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SMARTOPS, *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@dataclass
class Server:
    """One configuration file and the process that serves it."""

    config: Path
    port: int = 0
    asgi: str = ""
    """The ASGI server that runs SmartOps instead of ``smartops serve``."""
    process: subprocess.Popen[str] | None = None
    url: str = ""
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.config.with_suffix(".log")

    def start(self, **environment: str) -> Server:
        out = self.log.open("a")
        begin = self.log.stat().st_size
        self.process = subprocess.Popen(
            self._command(),
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "SMARTOPS_CONFIG": str(self.config), **environment},
            text=True,
        )
        out.close()
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            printed = self.log.read_text()[begin:]
            listening = re.search(r"http://127\.0\.0\.1:(?!0\b)\d+\S*", printed)
            if listening and self._alive(listening[0]):
                self.url = re.match(r"http://[\d.:]+", listening[0])[0]  # type: ignore[index]
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.02)  # polls another process
        raise AssertionError(f"the server did not start:\n{self.log.read_text()[begin:]}")

    def _command(self) -> list[str]:
        if not self.asgi:
            return [*SMARTOPS, "serve", "--config", str(self.config), "--port", str(self.port)]
        with socket.create_server(("127.0.0.1", self.port)) as free:
            self.port = free.getsockname()[1]
        run = [sys.executable, "-m", self.asgi]
        if self.asgi == "hypercorn":
            bind = f"127.0.0.1:{self.port}"
            return [*run, "smartops.server:create_app()", "--bind", bind]
        return [*run, "--factory", "smartops.server:create_app", "--port", str(self.port)]

    @staticmethod
    def _alive(url: str) -> bool:
        base = re.match(r"http://[\d.:]+", url)
        try:
            return base is not None and request(f"{base[0]}/livez").status in (200, 404)
        except OSError:
            return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(timeout=60)

    def token(self, user: str) -> str:
        """Return what ``smartops token`` prints, without the second that a process takes."""
        issuers = read(self.config).settings().auth.issuers
        local = next(item for item in issuers if isinstance(item, LocalIssuerSettings))
        return LocalIssuer(local, Clock()).make_token(user)

    def say(self, token: str, text: str, **more: Any) -> HttpAnswer:
        message = {
            "type": "message",
            "text": text,
            "from": {"id": "user123", "name": "API User"},
            "conversation": {"id": "api-user123"},
            **more,
        }
        return self.post(token, json.dumps(message).encode())

    def post(self, token: str, body: bytes, **headers: str) -> HttpAnswer:
        return request(
            f"{self.url}/api/messages",
            body,
            {
                "Authorization": f"Bearer {token}",
                "Content-Type": "application/json",
                **headers,
            },
        )


def leases_lapse(server: Server) -> None:
    """Let the leases of a killed process expire at once: what it worked on can be taken over."""
    with contextlib.closing(sqlite3.connect(server.config.parent / "store.db")) as connection:
        for table in ("operations", "inbox"):
            connection.execute(f"UPDATE {table} SET lease_until = 0")
        connection.commit()

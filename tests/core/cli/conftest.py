import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import anyio
import pytest
import structlog

from smartops.auth import LocalIssuer
from smartops.cli import main
from smartops.config.settings import LocalIssuerSettings
from smartops.services import Clock
from smartops.store import Store

CONFIG = """
server: {port: 0}
store: {url: sqlite:///state/store.db}
auth:
  issuers:
    - {name: local, kind: local, key: state/local.pem}
people:
  alice: {roles: [operator], identities: ['local:alice', 'console:alice']}
  vic: {roles: [viewer], identities: ['local:vic', 'console:vic']}
roles:
  viewer:
  operator: {includes: [viewer]}
rules:
  - {name: all-read, allow: {roles: viewer, effects: read}}
  - {name: operators-change, allow: {roles: operator, effects: change}}
  - {name: no-databases, deny: {commands: stop, tags: {Role: database}}}
plugins:
  api:
  fake:
    state_file: state/cloud.json
    transitions: {stop: 500ms}
    fleet:
      - {name: web-server-01}
      - {name: orders-db-01, tags: {Role: database}}
  instances:
  exec:
    scripts: [{script: df -h, read_only: true}]
"""


@dataclass(frozen=True)
class Run:
    status: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        return self.err.splitlines()


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Restore logging, which commands configure for their process."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty working directory for commands."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SMARTOPS_CONFIG", raising=False)
    return tmp_path


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a private key and an empty store, which are slow to create."""
    path = tmp_path_factory.mktemp("state")
    LocalIssuer(LocalIssuerSettings(name="local", kind="local", key=path / "local.pem"), Clock())

    async def make() -> None:
        await (await Store.open(f"sqlite:///{path}/store.db", Clock())).aclose()

    anyio.run(make)
    return path


@pytest.fixture
def config(folder: Path, state: Path) -> Path:
    """Return the configuration file in the working directory, where commands find it."""
    shutil.copytree(state, folder / "state")
    path = folder / "smartops.yaml"
    path.write_text(dedent(CONFIG))
    return path


@pytest.fixture
def run(folder: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """Return a function that runs a command line in this process."""

    def call(*arguments: str) -> Run:
        capfd.readouterr()
        status = main(list(arguments))
        output = capfd.readouterr()
        return Run(status, output.out, output.err)

    return call


@pytest.fixture
def spawn(folder: Path) -> Callable[..., Run]:
    """Return a function that runs a command line as a separate process."""

    def call(*arguments: str, input: str = "", environ: Mapping[str, str] | None = None) -> Run:
        done = subprocess.run(
            [sys.executable, "-m", "smartops", *arguments],
            input=input,
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **(environ or {})},
            check=False,
        )
        return Run(done.returncode, done.stdout, done.stderr)

    return call

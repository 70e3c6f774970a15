"""The demo's SmartOps with a simulated Teams and a simulated Slack, as a person starts them.

Each is a process of its own, started with the command of the plugins' pages, and
SmartOps is configured with what these print.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
MODULES = HERE / "node_modules"
sys.path.insert(0, str(HERE.parent / "support"))

from serving import SMARTOPS, Server  # noqa: E402

SECRETS = {
    "COLLECTOR_TOKEN": "simulated",
    "TEAMS_SECRET": "simulated",
    "SLACK_BOT_TOKEN": "xoxb-simulated",
    "SLACK_SIGNING_SECRET": "simulated-signing-secret",
}


@dataclass(frozen=True)
class Stage:
    """Where the pages are."""

    urls: dict[str, str]
    """By ``TEAMS`` and ``SLACK``, as scripts find them in their environment."""


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Start everything in the folder; the conversations are on the pages."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    with ExitStack() as stack:
        started = {name: stack.enter_context(_simulated(name, port)) for name in ("teams", "slack")}
        config = folder / "smartops.yaml"
        config.write_text(yaml.safe_dump(_configured(text for _, text in started.values())))
        server = Server(config, port=port).start(**SECRETS)
        try:
            yield Stage({name.upper(): url for name, (url, _) in started.items()})
        finally:
            server.stop()


def node(script: str, **environment: str) -> None:
    """Run a script of this folder; raises SystemExit with its status if it fails."""
    ended = subprocess.run(
        ["node", HERE / script],
        env={**os.environ, "CHROMIUM": chromium(), **environment},
        check=False,
    )
    if ended.returncode:
        sys.exit(ended.returncode)


def chromium() -> str:
    """Return where Chromium is; raises SystemExit if something that is needed is not there."""
    if not MODULES.exists():
        sys.exit("something is missing: run 'npm install' in tests/browser")
    found = os.environ.get("CHROMIUM") or shutil.which("chromium")
    return found or sys.exit("there is no chromium: install it, or say where it is in CHROMIUM")


@contextmanager
def _simulated(name: str, port: int) -> Iterator[tuple[str, str]]:
    """Start a platform; return the address of its page, and the configuration it prints."""
    bot = f"http://127.0.0.1:{port}/api/messages"
    process = subprocess.Popen(
        [*SMARTOPS, name, "simulate", "--port", "0", "--bot", bot],
        stdout=subprocess.PIPE,
        text=True,
        cwd=HERE,
    )
    assert process.stdout is not None
    try:
        text = ""
        while "\nOpen " not in text:
            line = process.stdout.readline()
            if not line:
                sys.exit(f"smartops {name} simulate ended: {text}")
            text += line
        yaml_text = text[text.index("plugins:") : text.index("Then start")]
        yield text.rpartition("\nOpen ")[2].split()[0], yaml_text
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)


def _configured(printed: Iterator[str]) -> dict[str, Any]:
    """Return the demo's configuration with the channels and the people that were printed.

    There are more machines than go onto a page, and a script types faster than the limits allow.
    """
    config: dict[str, Any] = yaml.safe_load((ROOT / "config/demo.yaml").read_text())
    config["plugins"]["fake"] |= {"instances": 60, "trouble": 0}
    config["limits"] = {name: {"limit": 1000, "window": "1m"} for name in ("user", "team", "burst")}
    people: dict[str, Any] = config.setdefault("people", {})
    for text in printed:
        document = yaml.safe_load(text)
        config["plugins"] |= {
            name: section
            for name, section in document["plugins"].items()
            if name not in config["plugins"]
        }
        for name, person in document["people"].items():
            known = people.setdefault(name, {"roles": person["roles"], "identities": []})
            known["identities"] += person["identities"]
    people.setdefault("carol", {"roles": ["operator"], "identities": []})
    config["approvals"] = [
        {
            "name": f"{role}-needs-others",
            "for": {"effects": ["change"], "tags": {"Role": role}},
            "from": {"people": ["bob", "carol"]},
            "count": count,
            "reason": reason,
        }
        for role, count, reason in (("directory", 1, "required"), ("bastion", 2, "optional"))
    ]
    config["emergency"] = {"roles": ["operator"]}
    return config

"""The third-party plugins of examples/, installed with pip and named in a configuration."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from serving import ROOT, SMARTOPS, Server, smartops

EXAMPLES = ROOT / "examples"
EXAMPLE = EXAMPLES / "smartops-uptime"
PACKAGES = sorted(EXAMPLES.glob("smartops-*"))
TOKENS = {"DEPLOY_TOKEN": "t", "DISCORD_TOKEN": "t"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the examples with pip into a separate folder, and return it."""
    site = tmp_path_factory.mktemp("site")
    options = ["-q", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--target"]
    installed = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, str(site), *map(str, PACKAGES)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert installed.returncode == 0, installed.stderr
    return site


def test_the_example_answers_on_the_console_and_over_http(
    serve: Callable[..., Server], demo_text: str, site: Path
) -> None:
    server = serve(demo_text.replace("plugins:\n", "plugins:\n  uptime:\n"), PYTHONPATH=str(site))
    answer = server.say(server.token("user123"), "uptime")
    assert answer.data["message"] == "3 days"

    printed = chat(server.config, site, "uptime\nhelp uptime\n")
    assert "3 days" in printed
    assert "Say how long SmartOps has been up." in printed


def chat(config: Path, site: Path, lines: str) -> str:
    done = subprocess.run(
        [*SMARTOPS, "chat", "--config", str(config)],
        input=lines,
        env={"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin", **TOKENS},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_example_is_what_the_readme_shows() -> None:
    source = (EXAMPLE / "smartops_uptime.py").read_text()
    assert len(source.splitlines()) <= 14


def test_the_examples_are_complete_packages(demo_text: str, site: Path, tmp_path: Path) -> None:
    sections = {
        "uptime": None,
        "alarms": {"static": [{"name": "disk-full", "reason": "95 %"}]},
        "deploy": {"url": "http://127.0.0.1:9", "token": "${DEPLOY_TOKEN}"},
        "discord": {
            "application_id": "1",
            "public_key": f"{'5f' * 31}00",
            "bot_token": "${DISCORD_TOKEN}",
        },
    }
    lines = "".join(f"  {name}: {json.dumps(section)}\n" for name, section in sections.items())
    config = tmp_path / "smartops.yaml"
    config.write_text(demo_text.replace("plugins:\n", f"plugins:\n{lines}"))
    printed = chat(config, site, "help list alarms\nhelp deploy\n")
    assert "List the alarms that ring" in printed
    assert "deploy shop 1.4.2" in printed
    for name in ("alarms", "deploy", "discord"):
        assert (site / f"smartops_{name}" / "py.typed").is_file()
    listed = smartops(
        "plugins", "--config", str(config), cwd=ROOT, PYTHONPATH=str(site), **TOKENS
    ).stdout
    assert all(name in listed for name in sections)


def test_examples_are_small() -> None:
    for name in ("alarms", "deploy"):
        files = (EXAMPLES / f"smartops-{name}" / f"smartops_{name}").glob("*.py")
        assert sum(len(file.read_text().splitlines()) for file in files) <= 250

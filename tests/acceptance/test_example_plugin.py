"""The third-party plugins of examples/, installed with pip and named in a configuration."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from serving import ROOT, Server, smartops

EXAMPLES = ROOT / "examples"
EXAMPLE = EXAMPLES / "smartops-uptime"


def install(target: Path, example: Path = EXAMPLE) -> None:
    """Install an example with pip into a separate folder."""
    options = ["-q", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--target"]
    installed = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, str(target), str(example)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert installed.returncode == 0, installed.stderr


def test_the_example_answers_on_the_console_and_over_http(
    serve: Callable[..., Server], demo_text: str, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    install(site)
    server = serve(demo_text.replace("plugins:\n", "plugins:\n  uptime:\n"), PYTHONPATH=str(site))
    answer = server.say(server.token("user123"), "uptime")
    assert answer.data["message"] == "3 days"

    chat = subprocess.run(
        [sys.executable, "-m", "smartops", "chat", "--config", str(server.config)],
        input="uptime\nhelp uptime\n",
        env={"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "3 days" in chat.stdout
    assert "Say how long SmartOps has been up." in chat.stdout
    listed = smartops("plugins", "--config", str(server.config), cwd=ROOT, PYTHONPATH=str(site))
    assert "uptime" in listed.stdout


def test_the_example_is_what_the_readme_shows() -> None:
    source = (EXAMPLE / "smartops_uptime.py").read_text()
    assert len(source.splitlines()) <= 14


@pytest.mark.parametrize(
    ("name", "section", "command"),
    [
        ("alarms", {"static": [{"name": "disk-full", "reason": "95 %"}]}, "list alarms"),
        ("deploy", {"url": "http://127.0.0.1:9", "token": "${DEPLOY_TOKEN}"}, "deploy"),
        (
            "discord",
            {
                "application_id": "1",
                "public_key": f"{'5f' * 31}00",
                "bot_token": "${DISCORD_TOKEN}",
            },
            "whoami",
        ),
    ],
)
def test_an_example_is_a_complete_package(
    name: str, section: object, command: str, demo_text: str, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    install(site, EXAMPLES / f"smartops-{name}")
    assert (site / f"smartops_{name}" / "py.typed").is_file()
    config = tmp_path / "smartops.yaml"
    config.write_text(
        demo_text.replace("plugins:\n", f"plugins:\n  {name}: {json.dumps(section)}\n")
    )
    manual = smartops(
        "say",
        "--config",
        str(config),
        "help",
        command,
        cwd=ROOT,
        PYTHONPATH=str(site),
        DEPLOY_TOKEN="t",
        DISCORD_TOKEN="t",
    )
    assert manual.returncode == 0, manual.stderr
    assert command in manual.stdout


def test_examples_are_small() -> None:
    for name in ("alarms", "deploy"):
        files = (EXAMPLES / f"smartops-{name}" / f"smartops_{name}").glob("*.py")
        assert sum(len(file.read_text().splitlines()) for file in files) <= 250

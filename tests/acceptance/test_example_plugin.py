"""The smallest third-party plugin, installed with pip and named in a configuration."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from serving import ROOT, Server, smartops

EXAMPLE = ROOT / "examples" / "smartops-uptime"


def install(target: Path) -> None:
    """Install the example with pip into a separate folder."""
    options = ["-q", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--target"]
    installed = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, str(target), str(EXAMPLE)],
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

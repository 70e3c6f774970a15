"""``smartops teams simulate``: what it prints makes a SmartOps that answers on its page."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving import SMARTOPS, Server, request


@pytest.fixture
def bot_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture
def simulated(tmp_path: Path, bot_port: int) -> Iterator[subprocess.Popen[str]]:
    bot = f"http://127.0.0.1:{bot_port}/api/messages"
    process = subprocess.Popen(
        [*SMARTOPS, "teams", "simulate", "--port", "0", "--bot", bot],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=20) == 130  # interrupted, and quietly


def printed(process: subprocess.Popen[str]) -> str:
    """Return what it prints."""
    assert process.stdout is not None
    text = ""
    while "\nOpen " not in text:
        line = process.stdout.readline()
        assert line, text
        text += line
    return text


def test_what_it_prints_is_all_that_is_needed(
    tmp_path: Path, bot_port: int, simulated: subprocess.Popen[str]
) -> None:
    text = printed(simulated)
    url = text.rpartition("\nOpen ")[2].split()[0]
    assert "TEAMS_SECRET=simulated smartops serve" in text
    config = tmp_path / "smartops.yaml"
    config.write_text(text[text.index("plugins:") : text.index("Then start")])
    server = Server(config, port=bot_port).start(TEAMS_SECRET="simulated")
    try:
        where = urllib.parse.urlencode({"user": "bob", "conversation": "ops"})
        said = request(f"{url}/page/say?{where}", b"text=whoami")
        assert said.status == 202
        chat = urllib.parse.urlencode({"user": "bob", "conversation": "with bob"})
        mark = ""
        for _ in range(10):
            news = request(f"{url}/page/messages?{chat}&known={mark}")
            assert news.status == 200
            if "operator" in news.body["html"]:
                break
            mark = news.body["mark"]
        assert "operator" in json.dumps(news.body)
        assert request(f"{url}/?{where}").status == 200
    finally:
        assert server.stop() == 0

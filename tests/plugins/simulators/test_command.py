"""``smartops teams|slack simulate``: what it prints makes a SmartOps that answers on its page."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from serving import SMARTOPS, Server, request
from smartops_simulators import cli

VARIABLES = {
    "teams": {"TEAMS_SECRET": "simulated"},
    "slack": {
        "SLACK_BOT_TOKEN": "xoxb-simulated",
        "SLACK_SIGNING_SECRET": "simulated-signing-secret",
    },
}


@pytest.fixture
def bot_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture(params=["teams", "slack"])
def name(request: Any) -> str:
    return str(request.param)


@pytest.fixture
def simulated(tmp_path: Path, bot_port: int, name: str) -> Iterator[subprocess.Popen[str]]:
    bot = f"http://127.0.0.1:{bot_port}/api/messages"
    process = subprocess.Popen(
        [*SMARTOPS, name, "simulate", "--port", "0", "--bot", bot],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130  # interrupted, without a traceback
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    process.stderr.close()


def printed(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    text = ""
    while "\nOpen " not in text:
        line = process.stdout.readline()
        assert line, text
        text += line
    return text


def test_the_printed_configuration_serves_the_page_and_a_missing_smartops_is_reported(
    tmp_path: Path, bot_port: int, name: str, simulated: subprocess.Popen[str]
) -> None:
    text = printed(simulated)
    url = text.rpartition("\nOpen ")[2].split()[0]
    values = " ".join(f"{key}={value}" for key, value in VARIABLES[name].items())
    assert f"{values} smartops serve" in text
    assert f"{values} smartops {name} simulate" in text  # a second start reads smartops.yaml
    assert request(f"{url}/page/say", b"text=whoami").status == 202
    assert simulated.stderr is not None
    bot = f"http://127.0.0.1:{bot_port}/api/messages"
    assert simulated.stderr.readline() == f"No answer at {bot}. Is SmartOps running?\n"
    config = tmp_path / "smartops.yaml"
    config.write_text(text[text.index("plugins:") : text.index("Then start")])
    server = Server(config, port=bot_port).start(**VARIABLES[name])
    try:
        place = {"teams": "with bob", "slack": "@bob"}[name]
        where = urllib.parse.urlencode({"user": "bob", "place": place})
        assert request(f"{url}/page/say?{where}", b"text=whoami").status == 202
        mark = ""
        for _ in range(10):
            news = request(f"{url}/page/news?{where}&known={mark}")
            assert news.status == 200
            if "operator" in json.dumps(news.body["messages"]):
                break
            mark = news.body["mark"]
        assert "operator" in json.dumps(news.body)
        assert request(f"{url}/?{where}").status == 200
    finally:
        assert server.stop() == 0


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [item for item in sys.modules if item.startswith("smartops_simulators.slack")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "slack_sdk.errors", None)
    result = CliRunner().invoke(cli.slack(None), [])
    assert result.exit_code == 2
    assert "pip install 'smartops[simulators]'" in result.output

"""``smartops aws simulate``, its example, and the configuration that goes with it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import botocore.session
import pytest
import yaml

from smartops import Clock, Compute, Costs, Metrics, Runner
from smartops.backends import Query
from smartops.cli import main
from smartops.config import read
from smartops.plugins import Plugins
from smartops.testing import MemoryKeyValueStore
from smartops_aws.backend import backends
from smartops_aws.config import AwsConfig
from smartops_simulators.aws import AwsSimulator, Scenario
from smartops_simulators.cli import EXAMPLE, PORT

MINUTE = timedelta(minutes=1)
LOCAL = Path(__file__).parents[3] / "config" / "aws-local.yaml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def section(**more: Any) -> AwsConfig:
    document = read(LOCAL)
    document.settings()
    config = document.plugin("aws", AwsConfig)
    assert isinstance(config, AwsConfig)
    return config.model_copy(update=more)


def test_it_serves_until_interrupted(folder):
    process = subprocess.Popen(
        [sys.executable, "-m", "smartops", "aws", "simulate", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    with process:
        assert process.stdout is not None
        lines = []
        while not lines or "METADATA" not in lines[-1]:
            lines.append(process.stdout.readline())
            assert lines[-1], lines
        given = dict(re.findall(r"export (\w+)=(\S+)", "".join(lines)))
        sts = botocore.session.get_session().create_client(
            "sts",
            region_name=given["AWS_DEFAULT_REGION"],
            endpoint_url=given["AWS_ENDPOINT_URL"],
            aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
        )
        assert sts.get_caller_identity()["Account"] == "111111111111"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("acounts: {}", "acounts: Extra inputs are not permitted"),
        ("accounts: {'1': {}}", "the scenario makes no sense"),
        ("a: [", "the scenario makes no sense"),
        ("outputs: [{script: 'a(', stdout: x}]", "regular expression"),
        ("faults: [{kind: slow}]", "delay goes with the kind slow"),
        ("keys: {AKIA: {account: '999999999999'}}", "keys name an unknown account"),
    ],
)
def test_an_invalid_scenario_is_reported_in_one_line(folder, capsys, text, problem):
    (folder / "wrong.yaml").write_text(text)
    assert main(["aws", "simulate", "--port", "0", "--scenario", "wrong.yaml"]) != 0
    printed = capsys.readouterr().err
    assert problem in printed
    assert "Traceback" not in printed


def test_a_port_in_use_is_reported_in_one_line(folder, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["aws", "simulate", "--port", str(port)]) != 0
    assert f"cannot listen on port {port}: " in capsys.readouterr().err


def test_the_example_can_be_printed_and_is_a_scenario(folder, capsys):
    assert main(["aws", "simulate", "--print-scenario"]) == 0
    printed = capsys.readouterr().out
    assert printed == EXAMPLE.read_text()
    (folder / "mine.yaml").write_text(printed)
    assert Scenario.read(folder / "mine.yaml") == Scenario.read(EXAMPLE)


def test_the_shipped_configuration_is_whole_and_for_the_default_port():
    document = read(LOCAL)
    plugins = Plugins()
    plugins.load(document.plugins())
    assert plugins.problems == []
    assert plugins.names == ("api", "aws", "instances", "costs", "health", "exec")
    found = {name: document.plugin(name, plugins.model(name)) for name in plugins.names}
    assert found["aws"] == section()
    assert section().endpoint == f"http://127.0.0.1:{PORT}"
    allowed = {entry.text for entry in found["exec"].scripts}
    assert allowed == {each.script for each in section().runner.documents}


@pytest.mark.anyio
async def test_the_shipped_configuration_works_with_the_example():
    clock = Clock()
    quick = dict.fromkeys(("visible", "deliver", "run"), "0s")
    scenario = yaml.safe_load(EXAMPLE.read_text()) | {"timing": quick}
    with AwsSimulator(scenario, clock=clock) as simulator:
        found = list(backends(section(endpoint=simulator.url), clock, MemoryKeyValueStore()))
        compute = {each.name: each for each in found if isinstance(each, Compute)}
        listed = {name: (await each.list(Query())).instances for name, each in compute.items()}
        assert {name: len(each) for name, each in listed.items()} == {
            "production/eu-central-1": 7,
            "production/us-east-1": 2,
            "staging/eu-central-1": 5,
        }
        here = compute["production/eu-central-1"]
        web, api = (
            next(each for each in listed[here.name] if each.name == name)
            for name in ("web-server-02", "api-server-02")
        )
        assert isinstance(here, Runner)
        assert isinstance(here, Metrics)
        run = await here.send("systemctl status nginx", [web], limit=MINUTE, key="1")
        (result,) = await here.results(run)
        with anyio.fail_after(10):
            while not result.finished:
                await anyio.sleep(0.1)
                (result,) = await here.results(run)
        assert result.exit_code == 3
        assert "Active: failed" in result.output
        assert (await here.latest([api]))[api.id].cpu == pytest.approx(96)
        bill = next(each for each in found if isinstance(each, Costs))
        assert len(await bill.daily(14)) == 14
        roles = {call.caller for call in simulator.calls if call.account == "222222222222"}
        assert roles == {"arn:aws:sts::222222222222:assumed-role/smartops/smartops"}

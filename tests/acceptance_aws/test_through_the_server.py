"""Every documented command against the look-alike AWS, through a running server, as it ships."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving import ROOT, SMARTOPS, HttpAnswer, Server

LIMITS = """
limits:
  user: {limit: 10000, window: 1m}
  team: {limit: 10000, window: 1m}
  burst: {limit: 10000, window: 10s}
"""

MODEL = """
  bedrock:
    model: eu.anthropic.claude-sonnet-4-5-20250929-v1:0
    region: eu-central-1
    endpoint: {url}
"""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run `smartops aws simulate`, and return its address."""
    folder = tmp_path_factory.mktemp("cloud")
    example = subprocess.run(
        [*SMARTOPS, "aws", "simulate", "--print-scenario"],
        capture_output=True,
        text=True,
        check=True,
    )
    scenario = folder / "scenario.yaml"
    stray = "          - {name: stray-01, state: stopped, tags: {Environment: staging}}\n"
    first = "          - {name: staging-batch-01"
    scenario.write_text(example.stdout.replace(first, stray + first))
    log = folder / "cloud.log"
    simulate = [*SMARTOPS, "aws", "simulate", "--port", "0", "--scenario", str(scenario)]
    with log.open("w") as out:
        process = subprocess.Popen(simulate, stdout=out)
    address = None
    end = time.monotonic() + 60
    while address is None and time.monotonic() < end and process.poll() is None:
        address = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
        time.sleep(0.05)
    assert address is not None, log.read_text()
    yield address[0]
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=30)


@pytest.fixture(scope="module")
def server(cloud: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    text = (ROOT / "config" / "aws-local.yaml").read_text()
    config = tmp_path_factory.mktemp("home") / "aws-local.yaml"
    text = text.replace("http://127.0.0.1:4566", cloud)
    config.write_text(text + MODEL.format(url=cloud) + LIMITS)
    running = Server(config).start(AWS_EC2_METADATA_DISABLED="true")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    return server.token("user123")


def ok(answer: HttpAnswer) -> dict[str, object]:
    assert answer.body["status"] == "success", answer.body
    return answer.data  # type: ignore[no-any-return]


def test_both_accounts_and_all_regions_are_listed(server: Server, token: str) -> None:
    data = ok(server.say(token, "list instances"))
    backends = {item["backend"] for item in data["instances"]}
    assert backends == {
        "production/eu-central-1",
        "production/us-east-1",
        "staging/eu-central-1",
    }
    assert data["summary"]["total"] == 15
    api = next(item for item in data["instances"] if item["name"] == "api-server-02")
    assert api["metrics"]["cpuUtilization"] > 90


def test_health_finds_what_is_wrong(server: Server, token: str) -> None:
    data = ok(server.say(token, "check health"))
    found = {(issue["name"], issue["issue"]) for issue in data["issues"]}
    assert ("api-server-02", "High CPU usage") in found
    assert data["overall_health"] == "critical"
    assert re.fullmatch(r"[+-]\d+%", data["trends"]["cost_trend"])
    assert data["trends"]["cost_trend"] != "+0%"


def test_a_script_runs_by_its_document(server: Server, token: str) -> None:
    data = ok(server.say(token, 'execute "systemctl status nginx" on api-server-01'))
    assert data["exitCode"] == 0
    assert "active (running)" in data["output"]
    failed = ok(server.say(token, "execute 'systemctl status nginx' on web-server-02"))
    assert failed["exitCode"] == 3


def test_an_ambiguous_name_lists_the_candidates(server: Server, token: str) -> None:
    refused = server.say(token, "show web-server-01")
    assert (refused.status, refused.code) == (400, "VALIDATION_ERROR")
    assert "production/us-east-1" in refused.body["error"]["details"]


def test_stop_is_confirmed_and_done(server: Server, token: str) -> None:
    asked = server.say(token, "stop staging-web-01")
    assert asked.body["status"] == "pending"
    ok(server.say(token, asked.action("confirm")))
    listed = ok(server.say(token, "list instances --name staging-web-01"))
    assert listed["instances"][0]["state"] in ("stopping", "stopped")
    assert server.say(token, asked.action("confirm")).code == "APPROVAL_INVALID"


def test_the_example_understands_a_few_plain_words(server: Server, token: str) -> None:
    asked = server.say(token, "Please stop staging-web-02 for the night")
    assert asked.body["status"] == "pending", asked.body
    assert asked.data["understood"] == "stop staging-web-02"


def test_what_may_not_be_stopped_is_said_before_anybody_confirms(
    server: Server, token: str
) -> None:
    started = server.say(token, "start stray-01")
    assert (started.status, started.code) == (403, "PERMISSION_DENIED")
    assert started.body["error"]["details"].startswith("Required IAM action: ec2:StartInstances")
    assert "arn:" not in str(started.body)


def test_an_agent_that_is_gone(server: Server, token: str) -> None:
    refused = server.say(token, "execute uptime on orders-db-01")
    assert refused.code in ("SSM_UNAVAILABLE", "PERMISSION_DENIED")
    stopped = server.say(token, "execute uptime on staging-batch-01")
    assert (stopped.status, stopped.code) == (503, "SSM_UNAVAILABLE")


def test_no_such_instance(server: Server, token: str) -> None:
    assert server.say(token, "check health i-00000000000000000").code == "INSTANCE_NOT_FOUND"
    assert server.say(token, "show nobody").code == "INSTANCE_NOT_FOUND"


def test_the_policy_is_printed() -> None:
    printed = subprocess.run(
        [
            *SMARTOPS,
            "aws",
            "policy",
            "production",
            "--config",
            str(Path(ROOT / "config" / "aws-local.yaml")),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "AWS_EC2_METADATA_DISABLED": "true"},
    )
    assert printed.returncode == 0, printed.stderr
    assert "ec2:DescribeInstances" in printed.stdout
    assert "ec2:TerminateInstances" not in printed.stdout

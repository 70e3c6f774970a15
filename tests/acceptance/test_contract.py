"""The wire contract against a running server with the shipped demo configuration."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from serving import HttpAnswer, Server, request

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture(scope="module")
def demo(serve_module: Callable[[str], Server], demo_text: str) -> Server:
    return serve_module(demo_text)


@pytest.fixture
def token(demo: Server, request: pytest.FixtureRequest) -> str:
    """Return the token of a user of the test's own, because of the rate limit."""
    return demo.token(request.node.name)


def check_success(answer: HttpAnswer) -> dict[str, Any]:
    assert answer.status == 200
    assert answer.body["status"] == "success"
    assert TIMESTAMP.fullmatch(answer.body["timestamp"])
    assert answer.body["request_id"] == answer.headers["x-request-id"]
    data = answer.data
    assert data["message"]
    assert isinstance(data["message"], str)
    assert data["attachments"] == []
    assert isinstance(data["actions"], list)
    return data  # type: ignore[no-any-return]


def check_error(answer: HttpAnswer, code: str, status: int) -> dict[str, Any]:
    assert (answer.code, answer.status) == (code, status)
    assert answer.body["status"] == "error"
    assert TIMESTAMP.fullmatch(answer.body["timestamp"])
    assert answer.body["request_id"] == answer.headers["x-request-id"]
    error = answer.body["error"]
    assert error["message"]
    return error  # type: ignore[no-any-return]


def test_list_instances(demo: Server, token: str) -> None:
    data = check_success(demo.say(token, "list instances"))
    web = next(item for item in data["instances"] if item["name"] == "web-server-01")
    for key in ("instanceId", "name", "type", "state", "platform", "privateIp", "publicIp"):
        assert isinstance(web[key], str)
    assert web["tags"]["Name"] == "web-server-01"
    for key in ("cpuUtilization", "memoryUtilization", "diskUtilization"):
        assert isinstance(web["metrics"][key], float)
    for key in ("total", "running", "stopped"):
        assert isinstance(data["summary"][key], int)
    assert data["summary"]["total"] >= data["summary"]["running"] + data["summary"]["stopped"]
    assert "web-server-01" in data["message"]


def test_check_health(demo: Server, token: str) -> None:
    data = check_success(demo.say(token, "check health"))
    assert data["overall_health"] in ("healthy", "warning", "critical")
    assert all(isinstance(data["summary"][key], int) for key in ("healthy", "warning", "critical"))
    assert data["issues"]
    for issue in data["issues"]:
        assert issue["severity"] in ("warning", "critical")
        for key in ("instanceId", "issue", "details", "recommendation"):
            assert isinstance(issue[key], str)
    severities = [issue["severity"] for issue in data["issues"]]
    assert severities == sorted(severities)  # critical before warning
    assert re.fullmatch(r"[+-]\d+%", data["trends"]["cpu_trend"])
    assert re.fullmatch(r"[+-]\d+%", data["trends"]["cost_trend"])
    assert re.fullmatch(r"[+-]\d+", data["trends"]["instance_count_change"])


def test_check_health_of_one_instance(demo: Server, token: str) -> None:
    listed = check_success(demo.say(token, "list instances --name web-server-01"))
    (web,) = listed["instances"]
    data = check_success(demo.say(token, f"check health {web['instanceId']}"))
    assert sum(data["summary"].values()) == 1


def test_execute(demo: Server, token: str) -> None:
    data = check_success(demo.say(token, 'execute "df -h" on web-server-01'))
    assert data["command"] == "df -h"
    assert data["instanceId"].startswith("i-")
    assert isinstance(data["executionTime"], float)
    assert "Filesystem" in data["output"]
    assert data["exitCode"] == 0
    assert isinstance(data["commandId"], str)


def test_a_confirmed_stop_takes_effect_once(demo: Server, token: str) -> None:
    asked = demo.say(token, "stop web-server-02")
    assert (asked.status, asked.body["status"]) == (200, "pending")
    assert "web-server-02" in asked.data["message"]
    assert [(item["type"], set(item)) for item in asked.data["actions"]] == [
        ("confirm", {"type", "label", "action"}),
        ("cancel", {"type", "label", "action"}),
    ]
    assert state_of(demo, token, "web-server-02") == "running"
    check_success(demo.say(token, "", value={"action": asked.action("confirm")}))
    assert state_of(demo, token, "web-server-02") in ("stopping", "stopped")
    again = demo.say(token, asked.action("confirm"))
    check_error(again, "APPROVAL_INVALID", 409)


def test_a_confirmation_after_a_graceful_restart(demo: Server, token: str) -> None:
    asked = demo.say(token, "stop worker-01")
    assert demo.stop(signal.SIGTERM) == 0
    assert "Traceback" not in demo.log.read_text()
    demo.start()
    check_success(demo.say(token, asked.action("confirm")))
    check_error(demo.say(token, asked.action("confirm")), "APPROVAL_INVALID", 409)


def test_the_eleventh_request_within_a_minute_is_limited(demo: Server, token: str) -> None:
    answers = [demo.say(token, "whoami") for _ in range(12)]
    answers.append(demo.post(token, b"not json"))  # malformed requests count as well
    assert [answer.status for answer in answers] == [200] * 10 + [429] * 3
    assert [int(answer.headers["x-ratelimit-remaining"]) for answer in answers[:10]] == [
        *range(9, -1, -1)
    ]
    error = check_error(answers[10], "RATE_LIMITED", 429)
    assert error["details"] == "Rate limit: 10 requests per minute"
    assert 0 < error["retry_after"] <= 60
    headers = answers[10].headers
    assert headers["x-ratelimit-limit"] == "10"
    assert headers["x-ratelimit-remaining"] == "0"
    assert int(headers["x-ratelimit-reset"]) > 1_700_000_000
    assert headers["x-ratelimit-retry-after"] == str(error["retry_after"])
    assert headers["retry-after"] == str(error["retry_after"])
    check_error(answers[12], "RATE_LIMITED", 429)
    other = demo.token("user456")
    assert demo.say(other, "whoami").status == 200


def test_health_has_exactly_the_documented_keys(demo: Server) -> None:
    answer = request(f"{demo.url}/health")
    assert set(answer.body) == {"status", "version", "timestamp"}
    assert answer.body["status"] == "healthy"
    assert TIMESTAMP.fullmatch(answer.body["timestamp"])
    assert request(f"{demo.url}/livez").status == 200
    ready = request(f"{demo.url}/readyz")
    assert ready.status == 200
    metrics = request(f"{demo.url}/metrics")
    assert metrics.status == 200
    assert "smartops_" in metrics.body


def test_a_base_path_prefixes_everything(serve: Callable[[str], Server], demo_text: str) -> None:
    server = serve(demo_text.replace("server:\n", "server:\n  base_path: /prod\n"))
    assert request(f"{server.url}/prod/health").status == 200
    assert request(f"{server.url}/health").status == 404
    server.url += "/prod"
    check_success(server.say(server.token("user123"), "list instances"))


@pytest.mark.parametrize("asgi", ["uvicorn", "hypercorn"])
def test_other_asgi_servers_keep_the_contract(
    serve: Callable[..., Server], demo_text: str, asgi: str
) -> None:
    server = serve(demo_text, asgi=asgi)
    test_health_has_exactly_the_documented_keys(server)
    test_list_instances(server, server.token("user123"))
    test_the_eleventh_request_within_a_minute_is_limited(server, server.token("user345"))
    assert server.stop(signal.SIGTERM) == (-signal.SIGTERM if asgi == "uvicorn" else 0)
    assert "Traceback" not in server.log.read_text()
    assert "shutting down, 0 requests in flight" in server.log.read_text()


def test_another_asgi_server_reports_problems_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "smartops.yaml").write_text("server: {prot: 80}")
    command = [sys.executable, "-m", "uvicorn", "--factory", "smartops.server:create_app"]
    environ = {**os.environ, "SMARTOPS_CONFIG": str(tmp_path / "smartops.yaml")}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "server.prot: unknown key" in done.stderr


def state_of(server: Server, token: str, name: str) -> str:
    data = check_success(server.say(token, f"list instances --name {name}"))
    return str(data["instances"][0]["state"])


def test_the_javascript_body_of_the_contract(demo: Server, token: str) -> None:
    answer = demo.post(token, json.dumps({"text": "list instances"}).encode())
    check_success(answer)


def test_the_rule_of_the_demo_is_not_evaded_by_other_tags(demo: Server, token: str) -> None:
    for text in (
        "untag orders-db-01 Role",
        "tag orders-db-01 Role=web",
        "tag orders-db-01 role=web,Team=x",
        'untag orders-db-01 " Role"',
    ):
        answer = demo.say(token, text)
        assert answer.code == "PERMISSION_DENIED", text
        assert 'The rule "hands-off-databases" uses it' in answer.body["error"]["details"]
    assert demo.say(token, "stop orders-db-01").code == "PERMISSION_DENIED"
    assert demo.say(token, "tag orders-db-01 Team=x").body["status"] == "pending"

"""Each error code of the contract, caused by a real request, in the documented format.

The rate limit's is in test_contract.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from serving import HttpAnswer, Server, request

CONFIG = """
store: {url: "sqlite:///store.db"}
auth:
  issuers: [{name: local, kind: local, key: local.pem}]
guests: [{provider: local, roles: [operator]}]
roles: {operator: }
rules:
  - {name: operators, allow: {roles: operator}}
  - {name: no-reboots, deny: {commands: reboot}}
limits:
  user: {limit: 1000, window: 1m}
  burst: {limit: 1000, window: 10s}
plugins:
  api:
  fake:
    fleet:
      - {name: web-1}
      - {name: twin, id: i-0000000000000001a}
      - {name: twin, id: i-0000000000000001b}
      - {name: mute, agent: missing}
      - {name: locked, state: stopped}
      - {name: busy, state: stopped}
      - {name: broken, state: stopped}
    faults:
      - operation: start
        instance: locked
        code: PERMISSION_DENIED
        details: "Required right: start instances"
      - {operation: start, instance: busy, code: BACKEND_UNAVAILABLE}
      - {operation: start, instance: broken, code: INTERNAL_ERROR}
      - {operation: interpret, code: BEDROCK_ERROR}
    phrases: {what runs: list instances}
  instances: {follow: 0s}
  health:
  exec:
    scripts: [{script: uptime, read_only: true}]
  slow:
"""
SLOW = """
from datetime import timedelta
from smartops import command, hookimpl
import anyio

@command("count", deadline=timedelta(milliseconds=50))
async def count() -> str:
    '''Count without an end.'''
    await anyio.sleep_forever()

@hookimpl
def register_commands():
    return [count]
"""


@pytest.fixture(scope="module")
def running(
    serve_module: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory
) -> Server:
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "slow.py").write_text(SLOW)
    return serve_module(CONFIG, PYTHONPATH=str(folder))


@pytest.fixture(scope="module")
def token(running: Server) -> str:
    return running.token("user123")


def check(answer: HttpAnswer, code: str, status: int) -> None:
    assert (answer.status, answer.body["status"]) == (status, "error")
    assert set(answer.body) == {"status", "error", "timestamp", "request_id"}
    error = answer.body["error"]
    assert error["code"] == code
    assert isinstance(error["message"], str)
    assert set(error) <= {"code", "message", "details", "retry_after"}
    assert answer.headers["x-request-id"] == answer.body["request_id"]


@pytest.mark.parametrize(
    ("text", "code", "status"),
    [
        ("reboot web-1", "PERMISSION_DENIED", 403),
        ("start locked", "PERMISSION_DENIED", 403),
        ("show no-such-machine", "INSTANCE_NOT_FOUND", 404),
        ("check health i-0ffffffffffffffff", "INSTANCE_NOT_FOUND", 404),
        ("execute uptime on mute", "SSM_UNAVAILABLE", 503),
        ("what runs", "BEDROCK_ERROR", 502),
        ("show twin", "VALIDATION_ERROR", 400),
        ("list instances --state flying", "VALIDATION_ERROR", 400),
        ("execute 'rm -rf /' on web-1", "PERMISSION_DENIED", 403),
        ("confirm_aaaaaaaaaaaaaaaaaaaaaaaaaa", "APPROVAL_INVALID", 409),
        ("", "VALIDATION_ERROR", 400),
    ],
)
def test_errors_of_commands(running: Server, token: str, text: str, code: str, status: int) -> None:
    check(running.say(token, text), code, status)


@pytest.mark.parametrize(
    ("target", "code", "status"),
    [("busy", "BACKEND_UNAVAILABLE", 503), ("broken", "INTERNAL_ERROR", 500)],
)
def test_errors_of_confirmed_commands(
    running: Server, token: str, target: str, code: str, status: int
) -> None:
    asked = running.say(token, f"start {target}")
    answer = running.say(token, asked.action("confirm"))
    check(answer, code, status)
    if code == "INTERNAL_ERROR":
        assert answer.body["request_id"] in answer.body["error"]["details"]


def test_an_iam_denial_names_the_right(running: Server, token: str) -> None:
    answer = running.say(token, "start locked")
    assert answer.body["error"]["details"] == "Required right: start instances"


@pytest.mark.parametrize("header", [None, "Bearer nonsense", "Basic dXNlcjpwdw==", "Bearer a.b.c"])
def test_unauthenticated_requests(running: Server, header: str | None) -> None:
    headers = {"Content-Type": "application/json"}
    if header is not None:
        headers["Authorization"] = header
    answer = request(f"{running.url}/api/messages", b'{"text": "help"}', headers)
    check(answer, "AUTHENTICATION_FAILED", 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "body",
    [b"", b"not json", b"[]", b'{"text": 1}', b'{"type": "invoke"}', b'{"text": "a", "text": "b"}'],
)
def test_malformed_requests(running: Server, token: str, body: bytes) -> None:
    check(running.post(token, body), "VALIDATION_ERROR", 400)


def test_requests_that_are_too_deep_or_too_long(running: Server, token: str) -> None:
    deep = b'{"text": ' + b"[" * 100 + b"]" * 100 + b"}"
    check(running.post(token, deep), "VALIDATION_ERROR", 400)
    check(running.post(token, b'{"text": "' + b"a" * 300_000 + b'"}'), "VALIDATION_ERROR", 413)


def test_timeout(running: Server) -> None:
    answer = running.say(running.token("user456"), "count")
    check(answer, "TIMEOUT", 504)
    assert "Nothing was changed" in answer.body["error"]["details"]

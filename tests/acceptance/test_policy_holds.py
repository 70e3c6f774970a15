"""Attempts to evade a rule: other spellings of a script, and changes of names and tags."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from serving import Server

CONFIG = """
store: {url: "sqlite:///store.db"}
auth:
  issuers: [{name: local, kind: local, key: local.pem}]
guests: [{provider: local, roles: [operator]}]
roles: {operator: }
rules:
  - {name: operators, allow: {roles: operator}}
  - {name: no-restarts, deny: {commands: execute, arguments: {script: "systemctl restart nginx*"}}}
  - {name: keep-web-1, deny: {commands: stop, arguments: {targets: web-1}}}
  - {name: no-df, deny: {commands: execute, arguments: {script: df -h}}}
limits:
  user: {limit: 1000, window: 1m}
  team: {limit: 1000, window: 1m}
  burst: {limit: 1000, window: 10s}
plugins:
  api:
  fake:
    state_file: cloud.json
    fleet: [{name: web-1}]
  instances: {follow: 0s}
  exec:
    scripts:
      - {script: df -h, read_only: true}
      - template: systemctl restart {unit}
"""
BLANKS = {
    "blank": " ",
    "blanks": "   ",
    "tab": "\t",
    "newline": "\n",
    "return": "\r",
    "return and newline": "\r\n",
    "vertical tab": "\v",
    "form feed": "\f",
    "unit separator": "\x1f",
    "next line": "\x85",
    "no-break space": "\u00a0",
    "thin space": "\u2009",
    "line separator": "\u2028",
    "narrow no-break space": "\u202f",
    "ideographic space": "\u3000",
}
SCRIPTS = ("systemctl restart nginx", "df -h")


@pytest.fixture(scope="module")
def server(serve_module: Callable[[str], Server]) -> Server:
    return serve_module(CONFIG)


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    return server.token("user123")


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("blank", BLANKS.values(), ids=BLANKS)
def test_whitespace_around_a_script_does_not_evade_a_deny_rule(
    server: Server, token: str, script: str, blank: str
) -> None:
    for written in (blank + script, script + blank, blank + script + blank):
        for quote in ('"', "'", "`", ""):
            answer = server.say(token, f"execute {quote}{written}{quote} on web-1")
            assert answer.body["status"] == "error", (written, answer.body)
            assert answer.code in {"PERMISSION_DENIED", "VALIDATION_ERROR"}


def test_other_scripts_still_run(server: Server, token: str) -> None:
    answer = server.say(token, 'execute "systemctl restart sshd" on web-1')
    assert answer.body["status"] == "pending"


@pytest.mark.parametrize("text", ["tag web-1 Name=harmless", "untag web-1 Name"])
def test_a_rule_on_names_is_not_evaded_by_renaming(server: Server, token: str, text: str) -> None:
    answer = server.say(token, text)
    assert answer.code == "PERMISSION_DENIED"
    assert 'The rule "keep-web-1" uses it' in answer.body["error"]["details"]
    assert server.say(token, f"can-i {text}").data["allowed"] is False
    assert server.say(token, "stop web-1").code == "PERMISSION_DENIED"

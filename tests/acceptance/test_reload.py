"""SIGHUP: people, rules and limits are read again while requests are answered."""

from __future__ import annotations

import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from serving import ROOT, Server, smartops

CONFIG = """
server: {body_timeout: 10s}
store: {url: "sqlite:///store.db"}
auth:
  issuers: [{name: local, kind: local, key: local.pem}]
guests: [{provider: local, roles: [operator]}]
people:
  bob: {roles: [auditor], identities: ["local:bob"]}
roles: {operator: , auditor: }
rules:
  - {name: operators, allow: {roles: operator}}
limits:
  user: {limit: 100000, window: 1m}
  team: {limit: 100000, window: 1m}
  burst: {limit: 100000, window: 10s}
plugins:
  api:
  fake: {fleet: [{name: web-1}]}
  instances:
"""


def changed(*changes: tuple[str, str]) -> str:
    text = CONFIG
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def reload(server: Server, text: str, *, expected: str = "configuration loaded") -> str:
    """Send SIGHUP with a new configuration; return what is logged up to ``expected``."""
    assert server.process is not None
    begin = len(server.log.read_text())
    server.config.write_text(text)
    server.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        logged = server.log.read_text()[begin:]
        if expected in logged:
            return logged
        assert server.process.poll() is None
        time.sleep(0.02)  # polls another process
    raise AssertionError(f"not reloaded:\n{logged}")


@pytest.fixture
def server(serve: Callable[[str], Server]) -> Server:
    return serve(CONFIG)


def test_people_rules_and_limits_are_reloaded_while_requests_are_answered(server: Server) -> None:
    alice, bob = server.token("alice"), server.token("bob")
    statuses: set[int] = set()
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            statuses.add(server.say(alice, "whoami").status)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        assert server.say(bob, "list instances").status == 403
        text = changed(
            ("[auditor],", "[operator],"),
            ("rules:\n", "rules:\n  - {name: no-show, deny: {commands: show}}\n"),
        )
        for _ in range(5):
            reload(server, text)
        assert server.say(bob, "list instances").status == 200
        refused = server.say(alice, "show web-1")
        assert (refused.status, "no-show" in str(refused.body)) == (403, True)
        reload(server, changed(("user: {limit: 100000", "user: {limit: 1")))
        assert server.say(bob, "whoami").status == 429
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert statuses == {200, 429}


def test_a_configuration_with_a_problem_changes_nothing(server: Server) -> None:
    alice = server.token("alice")
    text = changed(
        ("guests: [{provider: local, roles: [operator]}]", ""),
        ("rules:\n", "rules:\n  - {name: typo, deny: {commands: stpo}}\n"),
    )
    logged = reload(server, text, expected="the old one stays")
    checked = smartops("check", "--config", str(server.config), cwd=ROOT)
    assert checked.returncode == 2
    assert checked.stderr.strip()
    for line in checked.stderr.strip().splitlines():
        assert line.split(".yaml", 1)[1] in logged
    assert server.say(alice, "list instances").status == 200


def test_changes_that_need_a_restart_are_named_and_each_load_is_an_audit_event(
    server: Server,
) -> None:
    text = changed(
        ("body_timeout: 10s", "body_timeout: 20s"),
        ("key: local.pem", "key: local.pem, lifetime: 1h"),
        ("name: web-1", "name: web-2"),
        ("user: {limit: 100000", "user: {limit: 99999"),
        ("rules:\n", "rules:\n  - {name: no-show, deny: {commands: reboot}}\n"),
    )
    logged = reload(server, f"{text}mask_secrets: false\naliases: {{ls: list}}\n")
    for path in (
        "server.body_timeout",
        "auth.issuers",
        "plugins.fake",
        "mask_secrets",
        "aliases",
    ):
        assert f"{path} was changed: that needs a restart" in logged
    assert "server.host" not in logged
    assert server.say(server.token("alice"), "show web-1").status == 200
    server.stop()
    first, second = _loads(server)
    assert len(first) == len(second[:64]) == 64
    assert second[:64] != first
    assert second[64:] == "; changed: limits.user.limit, rules.no-show"


def _loads(server: Server) -> list[str]:
    """Return the audit events about loaded configurations."""
    query = "SELECT text FROM audit_events WHERE kind = 'configuration' ORDER BY id"
    with closing(sqlite3.connect(server.config.parent / "store.db")) as connection:
        texts = [text for (text,) in connection.execute(query)]
    return [text.removeprefix("configuration loaded, sha256 ") for text in texts]

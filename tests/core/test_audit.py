"""Asking the audit log: by the command, over HTTP, and by the command line."""

import contextlib
import csv
import io
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import anyio
import pytest
from click.testing import CliRunner

from smartops import Identity, Message
from smartops.app import App, compose
from smartops.channels import Place
from smartops.cli import main, root
from smartops.server import serve

pytestmark = pytest.mark.anyio

CONFIG = """
store: {url: "sqlite:///audit.db"}
server: {port: 0}
auth: {issuers: [{name: local, kind: local}]}
people:
  alice: {roles: [operator], identities: ["local:alice"]}
  bob: {roles: [viewer], identities: ["local:bob"]}
  ada: {roles: [operator, auditor], identities: ["local:ada"]}
roles: {operator: {}, viewer: {}, auditor: {}}
rules:
  - {name: operators, allow: {roles: operator}}
  - {name: wild, allow: {roles: operator, commands: "*"}}
  - {name: viewers, allow: {roles: viewer, effects: read}}
  - {name: some-stops, allow: {roles: viewer, commands: stop, tags: {Environment: sandbox}}}
  - {name: auditors, allow: {roles: auditor, commands: audit}}
audit: {key: audit.pem, checkpoints: checkpoints.txt}
plugins:
  api:
  fake: {fleet: [{name: web-1, tags: {Environment: production}}]}
  instances: {follow: 0s}
"""


class Caller:
    """Sends messages and requests to a server as people."""

    def __init__(self, url: str, session: aiohttp.ClientSession, tokens: dict[str, str]) -> None:
        self.url, self.session, self.tokens = url, session, tokens

    async def say(self, person: str, text: str) -> dict:
        return await self._post(person, {"text": text})

    async def press(self, person: str, action: str) -> dict:
        return await self._post(person, {"value": {"action": action}})

    async def _post(self, person: str, body: dict) -> dict:
        headers = {"Authorization": f"Bearer {self.tokens[person]}"}
        url = f"{self.url}/api/messages"
        async with self.session.post(url, json=body, headers=headers) as response:
            return await response.json()

    async def audit(self, caller: str, /, **query: str) -> tuple[int, dict]:
        token = self.tokens.get(caller)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"{self.url}/api/audit"
        async with self.session.get(url, params=query, headers=headers) as response:
            return response.status, await response.json()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "smartops.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
async def caller(config: Path):
    composition = compose(config)
    (issuer,) = composition.local_issuers
    tokens = {name: issuer.make_token(name) for name in ("alice", "bob", "ada")}

    app, stop = App(composition), anyio.Event()
    urls: list[str] = []
    ready = anyio.Event()

    def started(url: str) -> None:
        urls.append(url)
        ready.set()

    async def run() -> None:
        await serve(app, ready=started, stop=stop)

    async with aiohttp.ClientSession() as session, anyio.create_task_group() as group:
        group.start_soon(run)
        await ready.wait()
        yield Caller(urls[0], session, tokens)
        stop.set()


def action(answer: dict, type: str) -> str:
    return next(item["action"] for item in answer["data"]["actions"] if item["type"] == type)


async def texts(caller: Caller, **query: str) -> list[str]:
    status, body = await caller.audit("ada", **query)
    assert status == 200, body
    return [item["text"] for item in body["data"]["events"]]


async def test_audit_needs_a_rule_that_names_it(caller: Caller) -> None:
    """A rule that allows everything, or every name by a wildcard, does not allow it."""
    for person in ("alice", "bob"):
        answer = await caller.say(person, "audit")
        assert answer["error"]["code"] == "PERMISSION_DENIED"
        status, body = await caller.audit(person)
        assert (status, body["error"]["code"]) == (403, "PERMISSION_DENIED")
    assert "audit" not in (await caller.say("alice", "help"))["data"].get("commands", [])
    assert (await caller.audit("nobody"))[0] == 401
    assert (await caller.say("ada", "audit"))["status"] == "success"


async def test_the_filters_of_audit(caller: Caller) -> None:
    await caller.say("alice", "list instances")
    question = await caller.say("alice", "stop web-1")
    assert question["status"] == "pending", question
    confirm = action(question, "confirm")
    done = await caller.press("alice", confirm)
    assert done["status"] == "success", done
    await caller.say("bob", "stop web-1")

    assert await texts(caller, person="bob", outcome="denied") == ["stop web-1"]
    assert await texts(caller, person="nobody") == []
    assert len(await texts(caller, person="alice", since="1h")) == 6
    assert await texts(caller, person="alice", until="1h") == []
    by_name = (await caller.audit("ada", target="web-1", command="stop"))[1]["data"]
    events = [item for item in by_name["events"] if item["kind"] not in ("started", "step")]
    assert [item["person"] for item in events] == ["bob", "alice", "alice"]
    _, confirmed, asked = events
    (target,) = confirmed["targets"]
    assert target["name"] == "web-1"
    by_id = (await caller.audit("ada", target=target["id"]))[1]["data"]["events"]
    assert confirmed in by_id
    assert asked in by_id
    operation = (await caller.audit("ada", operation=confirmed["operationId"]))[1]["data"]["events"]
    assert [item["kind"] for item in operation] == ["finished", "step", "step", "started"]
    approval = (await caller.audit("ada", approval=asked["approvalId"], kind="started"))[1]["data"]
    assert [item["operationId"] for item in approval["events"]] == [confirmed["operationId"]]
    assert confirmed["planDigest"] == asked["planDigest"] != ""
    assert confirmed["approvalId"] == asked["approvalId"]
    assert confirmed["approvalId"].startswith("ap-")
    assert (asked["operationId"], confirmed["operationId"][:3]) == ("", "op-")


async def test_requests_without_proof_of_origin_are_audit_events(caller: Caller) -> None:
    """A flood of them from one address is one event a minute."""
    for _ in range(5):
        assert (await caller.audit("nobody"))[0] == 401
    wrong = Caller(caller.url, caller.session, {"eve": "forged"})
    assert (await wrong.say("eve", "list instances"))["error"]["code"] == "AUTHENTICATION_FAILED"
    (event,) = (await caller.audit("ada", kind="unauthenticated"))[1]["data"]["events"]
    assert event["text"].startswith("refused from 127.0.0.1: ")
    assert (event["person"], event["place"]) == ("", "api")


async def test_a_request_that_cannot_be_read_is_an_audit_event(caller: Caller) -> None:
    assert (await caller._post("alice", {"text": 5}))["error"]["code"] == "VALIDATION_ERROR"
    (event,) = (await caller.audit("ada", person="alice"))[1]["data"]["events"]
    assert (event["kind"], event["text"]) == ("refused", "(a request that cannot be read)")


async def test_audit_pages(caller: Caller) -> None:
    for number in range(1, 6):
        await caller.say("alice", f"history --limit {number}")
    answer = await caller.say("ada", "audit --person alice --limit 2")
    seen = []
    while True:
        seen += [item["text"] for item in answer["data"]["events"]]
        if answer["data"]["next"] is None:
            break
        answer = await caller.say("ada", action(answer, "command"))
    assert seen == [f"history --limit {number}" for number in (5, 4, 3, 2, 1)]
    page = (await caller.audit("ada", person="alice", limit="2"))[1]["data"]
    rest = await texts(caller, person="alice", before=str(page["next"]))
    assert rest == seen[2:]


@pytest.mark.parametrize(
    "query",
    [{"limit": "0"}, {"limit": "x"}, {"since": "yesterday"}, {"colour": "red"}, {"before": "-1"}],
)
async def test_a_wrong_query_is_refused(caller: Caller, query: dict[str, str]) -> None:
    status, body = await caller.audit("ada", **query)
    assert (status, body["error"]["code"]) == (400, "VALIDATION_ERROR")


async def test_export(caller: Caller, config: Path) -> None:
    await caller.say("alice", "list instances")
    await caller.say("bob", "stop web-1")

    def export(*options: str) -> str:
        return (
            CliRunner()
            .invoke(
                root, ["--config", str(config), "audit", "export", *options], catch_exceptions=False
            )
            .output
        )

    lines = (await anyio.to_thread.run_sync(export, "--until", "0s")).splitlines()
    assert [json.loads(line)["text"] for line in lines][-2:] == ["list instances", "stop web-1"]
    denied = await anyio.to_thread.run_sync(export, "--format", "csv", "--outcome", "denied")
    (row,) = csv.DictReader(io.StringIO(denied))
    assert (row["person"], row["outcome"]) == ("bob", "PERMISSION_DENIED")


async def test_verify(tmp_path: Path, config: Path) -> None:
    """The key and the copies of the checkpoints are files beside the database."""
    message = Message(
        "1",
        "api",
        "room",
        Identity("local", "", "alice"),
        Place("api"),
        datetime.now(UTC),
        "request-1",
        "whoami",
    )
    async with App(compose(config)) as app:
        await app.handle(message)

    def verify() -> tuple[int, str]:
        options = ["--config", str(config), "audit", "verify", "--checkpoint"]
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            status = main([*options, str(tmp_path / "checkpoints.txt")])
        return status, printed.getvalue()

    status, printed = await anyio.to_thread.run_sync(verify)
    assert (status, printed[-10:]) == (0, "unchanged\n")
    with closing(sqlite3.connect(tmp_path / "audit.db")) as connection:
        connection.execute("UPDATE audit_events SET person = 'bob' WHERE text = 'whoami'")
        connection.commit()
    status, printed = await anyio.to_thread.run_sync(verify)
    assert status == 1
    assert "it was changed" in printed

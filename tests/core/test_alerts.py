"""Events over HTTP, and the commands about alerts."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from smartops import hookimpl
from smartops.app import App, compose
from smartops.channels import Event, EventSource, Inbound
from smartops.errors import StartupError
from smartops.store import AuditSearch
from smartops.testing import Bot
from smartops.testing.serving import listening

pytestmark = pytest.mark.anyio

TOKEN = "a-token-of-alertmanager"
CONFIG = """
store: {url: "sqlite:///alerts.db"}
server: {port: 0, base_path: /prod}
auth: {issuers: [{name: local, kind: local}]}
people:
  alice: {roles: [operator], identities: ["local:alice"]}
  bob: {roles: [viewer], identities: ["local:bob"]}
roles: {operator: , viewer: }
rules:
  - {name: operators, allow: {roles: operator}}
  - {name: acknowledging, allow: {roles: operator, commands: [ack, unack]}}
  - {name: viewers, allow: {roles: viewer, effects: read}}
plugins:
  api:
  prometheus: {plugin: alertmanager, token: "${ALERT_TOKEN}"}
"""


def alert(name: str = "HighCPU", *, status: str = "firing", **labels: str) -> dict[str, Any]:
    labels = {"alertname": name, "severity": "critical", "instance": "web-1", **labels}
    return {
        "status": status,
        "labels": labels,
        "annotations": {"summary": f"{name} on {labels['instance']}"},
        "startsAt": "2026-11-24T12:00:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example.com/graph",
        "fingerprint": f"{name}-{labels['instance']}",
    }


@dataclass
class Caller:
    """Posts events as Alertmanager does, and messages as people do."""

    url: str
    app: App
    session: aiohttp.ClientSession

    async def report(self, *alerts: dict[str, Any], token: str = TOKEN) -> tuple[int, Any]:
        return await self.post(json.dumps({"version": "4", "alerts": alerts}), token)

    async def post(
        self, body: str, token: str = TOKEN, path: str = "/hooks/prometheus"
    ) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.session.post(self.url + path, data=body, headers=headers) as response:
            return response.status, json.loads(await response.read() or "null")

    async def say(self, text: str, person: str = "alice", **value: str) -> dict[str, Any]:
        token = self.app.composition.local_issuers[0].make_token(person)
        headers = {"Authorization": f"Bearer {token}"}
        body = {"text": text, **({"value": value} if value else {})}
        url = f"{self.url}/api/messages"
        async with self.session.post(url, json=body, headers=headers) as response:
            return await response.json()

    async def confirm(self, text: str) -> dict[str, Any]:
        asked = await self.say(text)
        assert asked["status"] == "pending", asked
        return await self.say("", action=asked["data"]["actions"][0]["action"])


@pytest.fixture
async def caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Caller]:
    monkeypatch.setenv("ALERT_TOKEN", TOKEN)
    path = tmp_path / "smartops.yaml"
    path.write_text(CONFIG)
    async with (
        App(compose(path)) as app,
        listening(app) as url,
        aiohttp.ClientSession() as session,
    ):
        yield Caller(url.removesuffix("/api/messages"), app, session)


async def test_hook_register_event_sources(caller: Caller) -> None:
    assert await caller.report(alert()) == (200, {"status": "success", "events": 1})
    await caller.report(alert(), alert("DiskFull", instance="db-1", severity="warning"))

    found = (await caller.say("alerts"))["data"]
    assert found["total"] == 2
    [cpu] = [item for item in found["alerts"] if item["severity"] == "critical"]
    assert (cpu["title"], cpu["count"], cpu["source"]) == ("HighCPU on web-1", 2, "prometheus")
    assert cpu["links"] == {"Source": "http://prometheus.example.com/graph"}
    only = (await caller.say("alerts --severity critical"))["data"]["alerts"]
    assert [item["id"] for item in only] == [cpu["id"]]

    await caller.report(alert(status="resolved"))
    assert (await caller.say("alerts"))["data"]["total"] == 1
    assert (await caller.say("alerts --resolved 1h"))["data"]["total"] == 2
    shown = (await caller.say(f"show alert {cpu['id']}"))["data"]
    assert shown["status"] == "resolved"


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", "ä"])
async def test_events_without_proof_are_refused_unread(caller: Caller, token: str) -> None:
    status, answer = await caller.post("no JSON at all", token)
    assert (status, answer["error"]["code"]) == (401, "AUTHENTICATION_FAILED")
    assert (await caller.say("alerts"))["data"]["total"] == 0
    events = await caller.app.store.audit_events(AuditSearch(outcome="AUTHENTICATION_FAILED"), 10)
    assert [(event.place, event.outcome) for event in events] == [
        ("prometheus", "AUTHENTICATION_FAILED")
    ]


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[]",
        "{}",
        '{"alerts": {}}',
        '{"alerts": [{"status": "firing", "startsAt": "2026-11-24T12:00:00Z"}]}',
        '{"alerts": [{"fingerprint": "1", "startsAt": "yesterday"}]}',
        '{"alerts": [{"fingerprint": "1", "startsAt": 5}]}',
    ],
)
async def test_a_body_that_cannot_be_read_is_a_clear_error(caller: Caller, body: str) -> None:
    status, answer = await caller.post(body)
    assert (status, answer["error"]["code"]) == (400, "VALIDATION_ERROR")


async def test_only_posts_to_a_known_hook(caller: Caller) -> None:
    assert (await caller.post("{}", path="/hooks/other"))[0] == 404
    async with caller.session.get(f"{caller.url}/hooks/prometheus") as response:
        assert response.status == 405


async def test_secrets_in_events_are_masked(caller: Caller) -> None:
    leaky = alert()
    leaky["annotations"]["description"] = "key AKIAIOSFODNN7EXAMPLE"
    await caller.report(leaky)
    [found] = (await caller.say("alerts"))["data"]["alerts"]
    assert found["text"] == "key [masked: AWS access key]"


async def test_an_acknowledgement_needs_a_rule_that_names_it(caller: Caller) -> None:
    await caller.report(alert())
    [found] = (await caller.say("alerts"))["data"]["alerts"]

    denied = await caller.say(f"ack {found['id']}", "bob")
    assert denied["error"]["code"] == "PERMISSION_DENIED"
    assert (await caller.say(f"ack {found['id']}"))["data"]["acknowledgedBy"] == "alice"
    shown = await caller.say(f"show alert {found['id']}", "bob")
    assert shown["data"]["acknowledgedBy"] == "alice"
    await caller.say(f"unack {found['id']}")
    shown = await caller.say(f"show alert {found['id']}", "bob")
    assert shown["data"]["acknowledgedBy"] == ""


async def test_a_silence_is_planned_confirmed_and_ended(caller: Caller) -> None:
    await caller.report(alert(), alert("DiskFull", instance="db-1"))
    denied = await caller.say("silence instance=web-* for 2h", "bob")
    assert denied["error"]["code"] == "PERMISSION_DENIED"

    made = await caller.confirm("silence instance=web-* for 2h because deploy")
    found = (await caller.say("alerts"))["data"]["alerts"]
    silenced = {item["title"]: bool(item["silencedUntil"]) for item in found}
    assert silenced == {"HighCPU on web-1": True, "DiskFull on db-1": False}
    [listed] = (await caller.say("silences", "bob"))["data"]["silences"]
    assert (listed["reason"], listed["person"]) == ("deploy", "alice")

    await caller.confirm(f"unsilence {made['data']['silence']}")
    assert (await caller.say("silences"))["data"]["silences"] == []


async def test_one_alert_is_silenced_by_its_labels(caller: Caller) -> None:
    await caller.report(alert())
    [found] = (await caller.say("alerts"))["data"]["alerts"]
    made = (await caller.confirm(f"silence {found['id']} for 1h"))["data"]
    assert made["matchers"] == {"source": "prometheus", **found["labels"]}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("silence web-1 for 1h", "NAME=VALUE"),
        ("silence instance=* for 1h", "every alert"),
        ("silence instance=web-1 for 90d", "at most 30d"),
        ("silence instanc=web-1 for 1h", "Did you mean instance?"),
        ("silence al-0123456789ab for 1h", "no alert"),
        ("show alert al-0123456789ab", "no alert"),
        ("ack al-0123456789ab", "no alert"),
        ("unsilence si-1", "no silence"),
    ],
)
async def test_mistakes_are_explained(caller: Caller, text: str, why: str) -> None:
    await caller.report(alert())
    error = (await caller.say(text))["error"]
    assert error["code"] == "VALIDATION_ERROR"
    assert why in f"{error['message']} {error.get('details')}"


class Source(EventSource):
    """A source of a third party."""

    def __init__(self, name: str = "own") -> None:
        self.name = name

    async def authenticate(self, inbound: Inbound) -> None:
        raise SystemExit

    async def read(self, inbound: Inbound) -> Sequence[Event]:
        return []


class Plugin:
    def __init__(self, *sources: object) -> None:
        self.sources = sources

    @hookimpl
    def register_event_sources(self) -> Sequence[object]:
        return self.sources


async def test_without_a_source_there_are_no_commands_about_alerts(bot: Bot) -> None:
    assert (await bot.say("alerts")).code == "VALIDATION_ERROR"


async def test_two_sources_of_one_name_are_reported_at_start(bot: Bot) -> None:
    bot.load(Plugin(Source(), Source()), name="twice")
    with pytest.raises(StartupError, match="two event sources are called own"):
        await bot.say("help")


async def test_what_is_no_source_is_reported_at_start(bot: Bot) -> None:
    bot.load(Plugin("own"), name="wrong")
    with pytest.raises(StartupError, match="an EventSource"):
        await bot.say("help")

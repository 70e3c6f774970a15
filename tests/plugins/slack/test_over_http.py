"""`smartops serve` in a process of its own, and a simulated Slack."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import anyio.to_thread
import pytest

from serving import HttpAnswer, Server, request
from slack_payloads import (
    ALICE,
    BOT_TOKEN,
    SECRET,
    STRANGER,
    TEAM,
    TS,
    Signer,
    Slack,
    buttons,
    mention,
    pressed,
    slash,
    texts,
)
from smartops import Clock

pytestmark = pytest.mark.anyio

CONFIG = """
store: {{url: "sqlite:///slack.db"}}
auth:
  issuers:
    - {{name: local, kind: local, key: local.pem}}
people:
  alice: {{roles: [operator], identities: ["slack:{team}:{alice}"]}}
roles:
  operator:
rules:
  - {{name: operators, allow: {{roles: operator}}}}
plugins:
  api:
  slack:
    bot_token: ${{SLACK_BOT_TOKEN}}
    signing_secret: ${{SLACK_SIGNING_SECRET}}
    workspaces: [{team}]
    api_url: {api_url}
  fake:
    fleet: [{{name: web-server-01}}]
  instances: {{follow: 0s}}
"""


@dataclass
class Served:
    slack: Slack
    server: Server
    signer: Signer

    async def post(self, body: bytes, kind: str = "application/json", **changes: str) -> HttpAnswer:
        signed = self.signer.sign(body, content_type=kind, **changes)
        names = ("x-slack-request-timestamp", "x-slack-signature", "content-type")
        headers = {name: value for name in names if (value := signed.headers.get(name))}
        url = f"{self.server.url}/api/messages"
        return await anyio.to_thread.run_sync(request, url, body, headers)

    async def form(self, fields: dict[str, str]) -> HttpAnswer:
        return await self.post(urlencode(fields).encode(), "application/x-www-form-urlencoded")


@pytest.fixture
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    folder = tmp_path_factory.mktemp("slack")
    async with Slack.start(clock=Clock()) as slack:
        config = folder / "slack.yaml"
        config.write_text(CONFIG.format(team=TEAM, alice=ALICE, api_url=slack.api_url))
        server = Server(config)
        secrets = {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_SIGNING_SECRET": SECRET}
        await anyio.to_thread.run_sync(lambda: server.start(**secrets))
        try:
            yield Served(slack, server, Signer(Clock()))
        finally:
            await anyio.to_thread.run_sync(server.stop)


async def test_a_person_confirms_a_change(served: Served) -> None:
    slack = served.slack
    answer = await served.post(json.dumps(slack.live(mention("stop web-server-01"))).encode())
    assert (answer.status, answer.body) == (200, "")
    await slack.until(lambda: slack.messages)
    asked = slack.message()
    assert asked["thread_ts"] == TS
    assert "web-server-01" in texts(asked["blocks"])

    click = slack.live(pressed(buttons(asked)[0], asked))
    answer = await served.form({"payload": json.dumps(click)})
    assert (answer.status, answer.body) == (200, "")
    await slack.until(lambda: not buttons(slack.message()))
    assert "running → stopping" in texts(slack.message()["blocks"])
    assert len(slack.messages) == 1

    answer = await served.form(slack.live(slash("whoami")))
    assert (answer.status, answer.body) == (200, "")
    await slack.until(lambda: slack.responses)
    assert ALICE in texts(slack.responses[0]["blocks"])

    stranger = mention("stop web-server-01", user=STRANGER, ts="1700000002.1")
    await served.post(json.dumps(slack.live(stranger)).encode())
    await slack.until(lambda: slack.private_messages)
    (private,) = slack.private_messages
    assert private["user"] == STRANGER
    assert f"slack:{TEAM}:{STRANGER}" in texts(private["blocks"])


async def test_only_requests_of_slack_are_accepted(served: Served) -> None:
    challenge = json.dumps({"type": "url_verification", "challenge": "abc"}).encode()
    assert (await served.post(challenge)).body == {"challenge": "abc"}
    body = json.dumps(mention("list instances")).encode()
    changed: Any
    for changed in (
        {"x_slack_signature": "v0=" + "0" * 64},
        {"x_slack_signature": ""},
        {"x_slack_request_timestamp": "1531420618"},
        {"x_slack_request_timestamp": "soon"},
    ):
        refused = await served.post(body, **changed)
        assert (refused.status, refused.code) == (401, "AUTHENTICATION_FAILED")
    bare = {"Content-Type": "application/json"}
    url = f"{served.server.url}/api/messages"
    refused = await anyio.to_thread.run_sync(request, url, body, bare)
    assert refused.status == 401
    malformed = await served.post(b"{")
    assert (malformed.status, malformed.code) == (400, "VALIDATION_ERROR")
    assert malformed.headers["x-slack-no-retry"] == "1"
    await served.slack.until(lambda: served.slack.calls)
    assert {call.method for call in served.slack.calls} == {"auth.test"}
    log = served.server.log.read_text()
    assert SECRET not in log
    assert BOT_TOKEN not in log

"""The example configuration, as it ships, in one process before all that it talks to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread

from serving import ROOT, HttpAnswer, Server
from smartops_simulators.aws import AwsSimulator
from smartops_simulators.slack import SlackSimulator as Slack
from smartops_simulators.teams import TeamsSimulator as Teams

pytestmark = pytest.mark.anyio

EXAMPLE = (ROOT / "config" / "smartops.example.yaml").read_text()
TENANT = "7a3c9d10-0000-4000-8000-000000000000"
APP_ID = "1f0c6a2e-0000-4000-8000-000000000000"
WORKSPACE = "T1234567890"
ACCOUNT = "123456789012"
ENVIRONMENT = {
    "COLLECTOR_TOKEN": "secret-of-the-collector",
    "TEAMS_SECRET": "secret-of-teams",
    "ALERTMANAGER_TOKEN": "simulated",
    "WEBHOOK_SECRET": "simulated",
    "SLACK_BOT_TOKEN": "xoxb-example",
    "SLACK_SIGNING_SECRET": "secret-of-slack",
    "AWS_ACCESS_KEY_ID": ACCOUNT,
    "AWS_SECRET_ACCESS_KEY": "secret-of-aws",
    "AWS_EC2_METADATA_DISABLED": "true",
}
CLOUD = {
    "accounts": {
        ACCOUNT: {
            "regions": {"eu-central-1": {"instances": [{"name": "batch-01", "tags": {}}]}},
            "roles": {"smartops": {"accounts": [ACCOUNT]}},
        }
    }
}


def substitutions(slack: Slack, teams: Teams, aws: AwsSimulator) -> Mapping[str, str]:
    """Return all that is changed in the file: services, who alice is there, and what is slow."""
    return {
        f"slack:{WORKSPACE}:U1234567890": slack.user("alice").identity,
        f"teams:{TENANT}:OBJECT-ID": teams.user("alice").identity,
        "api_url: https://slack.com/api/ ": f"api_url: {slack.url}/api/ ",
        'login_url: "" ': f"login_url: {teams.url} ",
        ' metadata: "" ': f" metadata: {teams.framework.metadata_url} ",
        "service_hosts: [] ": "service_hosts: [127.0.0.1] ",
        ' endpoint: "" ': f" endpoint: {aws.url} ",
        "follow: 3m ": "follow: 0s ",
    }


@dataclass
class Example:
    """The served example, and what stands around it."""

    server: Server
    slack: Slack
    teams: Teams
    token: str

    async def say(self, text: str, **more: Any) -> HttpAnswer:
        return await to_thread.run_sync(lambda: self.server.say(self.token, text, **more))

    @property
    def changes(self) -> list[str]:
        """What was changed in the made-up cloud."""
        state = self.server.config.parent / ".smartops" / "cloud.json"
        saved = json.loads(state.read_text()) if state.exists() else {"changes": []}
        return [change["what"] for change in saved["changes"]]


@asynccontextmanager
async def serving(config: Path) -> AsyncIterator[Server]:
    server = await to_thread.run_sync(lambda: Server(config).start(**ENVIRONMENT))
    try:
        yield server
    finally:
        await to_thread.run_sync(server.stop)


@pytest.fixture
async def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Example]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)  # `smartops token` reads the file too
    with AwsSimulator(CLOUD) as aws:
        async with (
            Slack.start(
                team=WORKSPACE,
                bot_token=ENVIRONMENT["SLACK_BOT_TOKEN"],
                secret=ENVIRONMENT["SLACK_SIGNING_SECRET"],
            ) as slack,
            Teams.start(app_id=APP_ID, tenant=TENANT, secret=ENVIRONMENT["TEAMS_SECRET"]) as teams,
        ):
            text = EXAMPLE
            for shipped, here in substitutions(slack, teams, aws).items():
                assert shipped in text, shipped
                text = text.replace(shipped, here)
            config = tmp_path / "smartops.example.yaml"
            config.write_text(text)
            async with serving(config) as server:
                slack.bot = teams.bot = f"{server.url}/api/messages"
                token = await to_thread.run_sync(server.token, "alice")
                yield Example(server, slack, teams, token)
                assert [*slack.rejected, *teams.rejected] == []


async def test_every_channel_of_the_example(example: Example) -> None:
    await commands_are_answered(example)
    await changes_are_confirmed(example)


async def commands_are_answered(example: Example) -> None:
    listed = await example.say("list instances")
    assert {"web-server-01", "batch-01"} <= {item["name"] for item in listed.data["instances"]}

    await example.teams.says("list instances", conversation="ops")
    card = await example.teams.shown("ops")
    assert "web-server-01" in card.text
    assert "batch-01" in card.text

    await example.slack.says("list instances", channel="ops")
    blocks = await example.slack.shown("ops")
    assert "web-server-01" in blocks.text
    assert "batch-01" in blocks.text

    delivered = await example.slack.slash("whoami", channel="ops")
    assert delivered.taken
    await example.slack.until(lambda: example.slack.ephemeral)
    assert "alice" in example.slack.ephemeral[-1].text


async def changes_are_confirmed(example: Example) -> None:
    asked = await example.say("reboot web-server-01", id="reboot-1")
    assert example.changes == []
    done = await example.say(asked.action("confirm"), id="reboot-2")
    assert done.body["status"] == "success"

    await example.teams.says("stop web-server-01", conversation="ops")
    card = await example.teams.shown("ops", count=2)
    assert "Confirmation required" in card.text
    clicked = await example.teams.clicks(card, "confirm")
    assert "Stopping web-server-01" in clicked.text
    await example.teams.until(lambda: "Yes, proceed" not in card.buttons)

    await example.slack.says("tag web-server-01 Team=web", channel="ops")
    blocks = await example.slack.shown("ops", count=2)
    assert "Confirmation required" in blocks.text
    await example.slack.clicks(blocks, "confirm")
    await example.slack.until(lambda: "Yes, proceed" not in blocks.buttons)
    assert "Team" in blocks.text

    assert example.changes == ["reboot", "stop", "tag"]

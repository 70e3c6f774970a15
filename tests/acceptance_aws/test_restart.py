"""SmartOps stops while scripts run on 20 nodes: each is sent and reported once, completely.

The test moves the simulator's clock, so that the scripts are running when the server
stops. Three callers run one script each: a program that waits, a program that confirmed
a change, and a person in a Slack channel.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal

from serving import HttpAnswer, Server, leases_lapse
from smartops.testing import ManualClock
from smartops_simulators.aws import AwsSimulator
from smartops_simulators.slack import SlackSimulator as Slack
from wire_shapes import RESULT, data_of, fits

ACCOUNT, REGION = "123456789012", "eu-central-1"
NODES = [f"web-{number:02}" for number in range(1, 21)]
SCENARIO = {
    "accounts": {
        ACCOUNT: {
            "regions": {
                REGION: {"generate": [{"count": 20, "name": "web-{n:02}", "tags": {"Role": "web"}}]}
            }
        }
    },
    "timing": {"visible": "0s", "deliver": "0s"},
    "outputs": [
        {"script": script, "takes": "10s", "stdout": f"{script} of {{name}}\n"}
        for script in ("survey", "restart", "backup")
    ],
}
CONFIG = """
store: {{url: "sqlite:///store.db"}}
auth:
  issuers: [{{name: local, kind: local, key: local.pem}}]
people:
  ann: {{roles: [operator], identities: ["local:ann", "{slack_ann}"]}}
roles: {{operator: }}
rules: [{{name: operators, allow: {{roles: operator}}}}]
limits:
  user: {{limit: 10000, window: 1m}}
  team: {{limit: 10000, window: 1m}}
  burst: {{limit: 10000, window: 10s}}
server: {{shutdown_timeout: 1s}}
plugins:
  api:
  slack:
    bot_token: ${{SLACK_BOT_TOKEN}}
    signing_secret: ${{SLACK_SIGNING_SECRET}}
    workspaces: {workspaces}
    api_url: {api_url}
  aws:
    endpoint: {url}
    accounts: [{{name: prod, account: "{account}", regions: [{region}]}}]
    runner: {{poll: 50ms, raw_scripts: true}}
  instances:
  exec:
    poll: 100ms
    scripts: [{{script: survey, read_only: true}}, {{script: restart}}, {{script: backup}}]
"""


def on_all(script: str) -> str:
    return f"execute {script} on tag:Role=web --timeout 5m"


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for another process."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.02)


@dataclass
class Deployment:
    """The server, the simulators of AWS and Slack, and a token."""

    server: Server
    cloud: AwsSimulator
    clock: ManualClock
    slack: Slack
    portal: Any
    token: str = ""

    def start(self) -> None:
        secrets = {
            "SLACK_BOT_TOKEN": self.slack.bot_token,
            "SLACK_SIGNING_SECRET": self.slack.secret,
        }
        self.server.start(**secrets)
        self.slack.bot = f"{self.server.url}/api/messages"
        self.token = self.token or self.server.token("ann")

    def say_without_waiting(self, text: str, **more: str) -> None:
        """Send a message without waiting: the server may be killed."""

        def send() -> None:
            with contextlib.suppress(OSError):
                self.server.say(self.token, text, **more)

        threading.Thread(target=send, daemon=True).start()

    def say_in_slack(self, text: str) -> None:
        self.portal.call(partial(self.slack.says, text, user="ann", channel="ops"))

    @property
    def reported(self) -> list[str]:
        """The texts of the bot's messages in the channel."""
        return [item.text for item in self.slack.channel("ops").answers]

    def polled(self) -> bool:
        """Whether SmartOps has polled the results of each of the three commands."""
        polls = self.cloud.calls.of("ListCommandInvocations")
        return len({call.params["CommandId"] for call in polls}) == 3


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    clock = ManualClock(time.time())
    with (
        AwsSimulator(SCENARIO, clock=clock) as cloud,
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(Slack.start()) as slack,
    ):
        config = tmp_path / "smartops.yaml"
        settings = slack.settings()
        config.write_text(
            CONFIG.format(
                url=cloud.url,
                account=ACCOUNT,
                region=REGION,
                api_url=settings["api_url"],
                workspaces=settings["workspaces"],
                slack_ann=slack.user("ann").identity,
            )
        )
        deployment = Deployment(Server(config), cloud, clock, slack, portal)
        deployment.start()
        yield deployment
        assert deployment.server.stop() == 0


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM])
def test_three_runs_on_twenty_nodes_outlive_the_server(
    deployment: Deployment, stop: signal.Signals
) -> None:
    server, cloud = deployment.server, deployment.cloud
    pending = server.say(deployment.token, on_all("restart"))
    assert len(pending.data["plan"]["changes"]) == 20
    confirmation = pending.action("confirm")
    deployment.say_without_waiting(on_all("survey"), id="survey-1")
    deployment.say_without_waiting(confirmation, id="restart-1")
    deployment.say_in_slack(on_all("backup"))
    wait_until(lambda: deployment.slack.channel("ops").answers)
    (approval,) = deployment.slack.channel("ops").answers
    deployment.portal.call(partial(deployment.slack.clicks, approval, "confirm", user="ann"))
    wait_until(deployment.polled)

    server.stop(stop)
    sent = cloud.calls.of("SendCommand")
    cloud.calls.clear()
    if stop == signal.SIGKILL:
        leases_lapse(server)
    deployment.start()
    wait_until(deployment.polled)
    assert "backup of" not in "".join(deployment.reported)
    deployment.clock.advance(300)

    wait_until(lambda: "backup of" in "".join(deployment.reported))
    check_results(server.say(deployment.token, on_all("survey"), id="survey-1"), "survey")
    wait_until(lambda: operation_states(deployment) == ["done"] * 3)
    for item in server.say(deployment.token, "operations").data["operations"]:
        reply = server.say(deployment.token, f"show operation {item['operation']}")
        check_results(reply, item["command"].split()[1].strip('"'))
    repeated = [server.say(deployment.token, on_all("survey"), id="survey-1") for _ in range(2)]
    assert repeated[0].data == repeated[1].data
    assert server.say(deployment.token, confirmation).code == "APPROVAL_INVALID"

    deployment.say_in_slack("show web-01")  # a message after all others
    wait_until(lambda: any("web-01 is running" in text for text in deployment.reported))
    assert sum("backup of" in text for text in deployment.reported) == 1
    assert len(deployment.reported) == 2
    assert deployment.slack.rejected == []
    assert [len(call.params["InstanceIds"]) for call in sent] == [20] * 3
    assert sorted(call.params["Parameters"]["commands"][0] for call in sent) == [
        "backup",
        "restart",
        "survey",
    ]
    assert cloud.calls.of("SendCommand") == []
    assert len(cloud.region(ACCOUNT, REGION).commands) == 3


def check_results(answer: HttpAnswer, script: str) -> None:
    """Check that there is one result for every node."""
    data = data_of(answer)
    data = data.get("result", data)
    fits(data["results"], [RESULT])
    reported = {item["name"]: item["output"] for item in data["results"]}
    assert reported == {name: f"{script} of {name}\n" for name in NODES}
    assert data["summary"]["success"] == data["summary"]["total"] == 20


def operation_states(deployment: Deployment) -> list[str]:
    listed = deployment.server.say(deployment.token, "operations").data["operations"]
    return [item["state"] for item in listed]

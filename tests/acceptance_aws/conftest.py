"""Two simulated accounts in four regions, and a server that operates them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from serving import Server
from smartops_simulators.aws import Answer, Asked, AwsSimulator, says, uses

HOME, SHOP = "111111111111", "222222222222"
MANAGED = {"smartops": "managed"}
TIMES = ("start", "stop", "reboot", "agent", "visible", "deliver", "run")


def machine(name: str, role: str, **more: Any) -> dict[str, Any]:
    tags = {"Role": role, **more.pop("tags", MANAGED)}
    return {"name": name, "tags": tags, **more}


SCENARIO: dict[str, Any] = {
    "accounts": {
        HOME: {
            "regions": {
                "eu-central-1": {
                    "instances": [
                        machine("web-1", "web", id="i-0abc123def0000001", public_ip="203.0.113.7"),
                        machine("web-2", "web", type="m5.large", metrics={"memory": None}),
                        machine("twin", "twin"),
                        machine("win-1", "directory", platform="windows"),
                        machine("lost-1", "mute", agent="lost"),
                        machine("bare-1", "mute", agent="missing"),
                        machine("off-1", "spare", state="stopped"),
                        machine("gone-1", "old", state="terminated"),
                        machine("vault-1", "vault", protected=True),
                        machine("db-1", "database"),
                        machine("stray-1", "stray", tags={}),
                        machine("stray-2", "stray", tags={}, state="stopped"),
                    ]
                },
                "us-east-1": {"instances": [machine("far-1", "web"), machine("twin", "twin")]},
            },
            "costs": {"daily": 100, "growth": 0.1},
        },
        SHOP: {
            "regions": {
                "eu-central-1": {
                    "instances": [machine("shop-1", "web"), machine("shop-2", "till")],
                },
                "eu-west-1": {"generate": [{"count": 2, "name": "batch-{n}", "tags": MANAGED}]},
            },
            "roles": {"smartops": {"external_id": "x-1", "accounts": [HOME]}},
            "costs": {"daily": 50, "growth": 0.1},
        },
    },
    "timing": dict.fromkeys(TIMES, "10ms"),
    "incidents": [
        {"instance": "web-2", "metric": "cpu", "value": 97, "since": "40m"},
        {"instance": "shop-2", "metric": "disk", "value": 85, "since": "2d"},
    ],
    "documents": [
        {
            "name": "Ops-Service",
            "script": "systemctl {verb} {unit}",
            "parameters": {"verb": {"values": ["status", "restart"]}, "unit": {}},
        },
        {"name": "Ops-Services", "script": "Get-Service", "platforms": ["windows"]},
    ],
    "outputs": [
        {"script": "^systemctl status slow", "takes": "1h"},  # its document has no time limit
        {
            "script": "^systemctl status",
            "instance": "far-1",
            "stdout": "inactive\n",
            "exit_code": 3,
        },
        {"script": "^systemctl status", "stdout": "active on {name} in {region}\n"},
        {"script": "^systemctl restart", "stdout": "restarted\n"},
        {"script": "^Get-Service", "stdout": "Running  DNS\n"},
        {"script": "^journalctl", "stdout": "a line of the log\n" * 3000},
        {"script": "^reaches", "instance": "web-2", "ends": "Undeliverable"},
        {"script": "^reaches", "instance": "far-1", "ends": "AccessDenied"},
        {"script": "^reaches", "stdout": "reached\n"},
    ],
}


def brain(asked: Asked) -> Answer:
    """Answer as a language model that understands two questions."""
    if asked.results:
        return says("I counted them.")
    if "how many" in asked.question:
        return uses(("list_instances", {"name": ["web-*"]}))
    return uses(("stop", {"targets": ["web-1"]}))


CONFIG = """
store: {{url: "sqlite:///store.db"}}
auth:
  issuers: [{{name: local, kind: local, key: local.pem}}]
people:
  ann: {{roles: [operator], identities: ["local:ann"]}}
  bob: {{roles: [operator], identities: ["local:bob"]}}
  vic: {{roles: [viewer], identities: ["local:vic"]}}
roles:
  viewer:
  operator: {{includes: [viewer]}}
rules:
  - {{name: everyone-reads, allow: {{roles: viewer, effects: read}}}}
  - {{name: operators-change, allow: {{roles: operator, effects: [read, change]}}}}
  - {{name: hands-off-databases, deny: {{commands: [stop, reboot], tags: {{Role: database}}}}}}
limits:
  user: {{limit: 10000, window: 1m}}
  team: {{limit: 10000, window: 1m}}
  burst: {{limit: 10000, window: 10s}}
plugins:
  api:
  aws:
    endpoint: {url}
    accounts:
      - {{name: home, account: "{home}", regions: [eu-central-1, us-east-1]}}
      - name: shop
        role: arn:aws:iam::{shop}:role/smartops
        external_id: x-1
        regions: [eu-central-1, eu-west-1]
    metrics: {{cache: 0s}}
    limits: {{connect: {timeout}, read: {timeout}}}
    runner:
      poll: 50ms
      documents:
        - name: Ops-Service
          script: "systemctl {{verb}} {{unit}}"
          parameters: {{verb: "status|restart"}}
          timeout_parameter: ""
        - {{name: Ops-Services, script: Get-Service, platforms: [windows], timeout_parameter: ""}}
        - {{name: Ops-Missing, script: vanish}}
      raw_scripts: true
  instances: {{page_size: 10}}
  health: {{must_run: {{Role: [spare]}}}}
  exec:
    poll: 100ms
    scripts:
      - {{script: df -h, read_only: true, platforms: [linux], description: Free disk space}}
      - {{template: "systemctl status {{unit}}", read_only: true}}
      - {{template: "systemctl restart {{unit}}", roles: [operator]}}
      - {{script: Get-Service, platforms: [windows], read_only: true}}
      - {{script: journalctl, read_only: true}}
      - {{script: reaches, read_only: true}}
      - {{script: vanish, read_only: true}}
      - {{script: cat /var/log/alarm, read_only: true}}
  bedrock:
    model: eu.anthropic.claude-sonnet-4-5-20250929-v1:0
    region: eu-central-1
    endpoint: {url}
    budget: {{person: 1000000000, everybody: 1000000000}}
    limits: {{connect: {timeout}, read: {timeout}, attempts: 1}}
"""


@pytest.fixture(scope="module")
def scenario() -> dict[str, Any]:
    """The accounts in AWS; a file may override it."""
    return SCENARIO


@pytest.fixture(scope="module")
def cloud(scenario: dict[str, Any]) -> Iterator[AwsSimulator]:
    """The simulator, for all tests of a file."""
    with AwsSimulator(scenario) as cloud:
        cloud.brain = brain
        yield cloud


@pytest.fixture
def faulty(cloud: AwsSimulator) -> Iterator[AwsSimulator]:
    """The simulator; faults and denials are removed after the test."""
    cloud.calls.clear()
    yield cloud
    cloud.heal()
    cloud.allow_all()


@pytest.fixture(scope="module")
def timeout() -> str:
    """The timeout of AWS and the model; a file may override it."""
    return "15s"


@pytest.fixture(scope="module")
def server(
    cloud: AwsSimulator,
    timeout: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    config = tmp_path_factory.mktemp("home") / "smartops.yaml"
    named = {"url": cloud.url, "timeout": timeout}
    config.write_text(CONFIG.format(home=HOME, shop=SHOP, **named))
    running = Server(config).start()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def ann(server: Server) -> str:
    """The token of an operator."""
    return server.token("ann")

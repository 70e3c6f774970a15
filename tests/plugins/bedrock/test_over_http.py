"""Free text over HTTP to a server in a process of its own, and to a model over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from serving import Server
from smartops_simulators.aws import AwsError, AwsSimulator, says, script, uses

CONFIG = """
store: {{url: "sqlite:///store.db"}}
auth:
  issuers: [{{name: local, kind: local, key: local.pem}}]
guests: [{{provider: local, roles: [operator]}}]
roles: {{operator: }}
rules:
  - {{name: operators, allow: {{roles: operator}}}}
plugins:
  api:
  fake: {{fleet: [{{name: web-1}}, {{name: web-2}}]}}
  instances: {{follow: 0s}}
  bedrock:
    model: eu.anthropic.claude-sonnet-4-5-20250929-v1:0
    region: eu-central-1
    endpoint: {url}
    limits: {{attempts: 1}}
"""


@pytest.fixture
def model() -> Iterator[AwsSimulator]:
    with AwsSimulator() as service:
        yield service
    assert service.breaches == []


@pytest.fixture
def server(tmp_path: Path, model: AwsSimulator) -> Iterator[Server]:
    config = tmp_path / "smartops.yaml"
    config.write_text(CONFIG.format(url=model.url))
    server = Server(config).start()
    yield server
    assert server.stop() == 0


def test_free_text_through_a_running_server(server: Server, model: AwsSimulator) -> None:
    token = server.token("alice")
    model.brain = script(
        uses(("list_instances", {})),
        says("Es sind zwei."),
        uses(("stop", {"targets": ["web-1"]})),
        AwsError("AccessDeniedException", "You don't have access to the model", 403),
    )
    answer = server.say(token, "Wie viele Server gibt es?")
    assert (answer.status, answer.data["message"]) == (200, "Es sind zwei.")
    assert answer.data["commands"] == ["list instances"]

    asked = server.say(token, "Bitte den ersten anhalten")
    assert asked.body["status"] == "pending"
    assert asked.data["understood"] == "stop web-1"
    done = server.say(token, asked.action("confirm"))
    assert done.body["status"] == "success"

    failed = server.say(token, "Und der zweite?")
    assert (failed.status, failed.code) == (502, "BEDROCK_ERROR")
    assert "playground of the Bedrock console" in failed.body["error"]["details"]
    assert server.say(token, "list instances").status == 200
    assert server.say(token, "model usage").data["person"]["tokens"] == 3 * 750

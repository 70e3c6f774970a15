"""``smartops aws check`` tries every action and changes nothing."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from smartops.cli import main
from smartops_aws import actions
from smartops_aws.kit import Action
from smartops_simulators.aws import AwsSimulator

HOME, SHOP = "111111111111", "222222222222"
MANAGED = {"name": "web-1", "tags": {"smartops": "managed"}}
SCENARIO: dict[str, Any] = {
    "accounts": {
        HOME: {
            "regions": {
                "eu-central-1": {"instances": [MANAGED]},
                "us-east-1": {"instances": [{"name": "other"}]},
            }
        },
        SHOP: {
            "regions": {"eu-central-1": {"instances": [MANAGED]}},
            "roles": {"smartops": {"accounts": [HOME]}},
        },
    }
}
CONFIG = """
plugins:
  aws:
    endpoint: {url}
    accounts:
      - {{name: home, account: "{home}", regions: [eu-central-1, us-east-1]}}
      - {{name: shop, role: "arn:aws:iam::{shop}:role/smartops", regions: [eu-central-1]}}
"""


class Check:
    """Runs the command against a simulator, and returns its status and what it printed."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._file = folder / "smartops.yaml"
        self._capsys = capsys

    def __call__(self, simulator: AwsSimulator) -> tuple[int, list[list[str]], str]:
        self._file.write_text(CONFIG.format(url=simulator.url, home=HOME, shop=SHOP))
        status = main(["aws", "check", "--config", str(self._file)])
        *lines, summary = self._capsys.readouterr().out.splitlines()
        return status, [line.split(maxsplit=3) for line in lines], summary


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Check:
    logging.disable()
    yield Check(tmp_path, capsys)  # type: ignore[misc]
    logging.disable(logging.NOTSET)


def test_everything_that_can_be_tried_is_permitted_and_nothing_is_changed(check: Check) -> None:
    with AwsSimulator(SCENARIO) as simulator:
        status, lines, _ = check(simulator)
        assert status == 0
        not_checked = {(line[0], line[1]) for line in lines}
        changes = ("StartInstances", "StopInstances", "RebootInstances", "CreateTags", "DeleteTags")
        assert not_checked == {
            *((name, "ssm:SendCommand") for name in ("home/eu-central-1", "home/us-east-1")),
            ("shop/eu-central-1", "ssm:SendCommand"),
            *(
                ("home/us-east-1", f"ec2:{name}")
                for name in (*changes, "DescribeInstanceAttribute")
            ),
        }
        called = {call.operation for call in simulator.calls}
        every = {item.operation for item in vars(actions).values() if isinstance(item, Action)}
        assert called >= every - {"SendCommand"}
        for name in changes:
            assert all(call.params["DryRun"] for call in simulator.calls.of(name))


def test_missing_permissions_are_named(check: Check) -> None:
    denied = {
        "ec2:StopInstances",
        "ec2:CreateTags",
        "ec2:DescribeInstanceStatus",
        "ssm:DescribeInstanceInformation",
        "ssm:CancelCommand",
        "ssm:GetCommandInvocation",
        "cloudwatch:GetMetricData",
    }
    with AwsSimulator(SCENARIO) as simulator:
        for action in denied:
            simulator.deny(action, account=SHOP)
        simulator.deny("ce:GetCostAndUsage", account=HOME)
        status, lines, _ = check(simulator)
    assert status == 1
    missing = {(line[0], line[1]) for line in lines if line[2] == "missing"}
    assert missing == {
        *(("shop/eu-central-1", action) for action in denied),
        ("home", "ce:GetCostAndUsage"),
    }
    assert all("Insufficient permissions" in line[3] for line in lines if line[2] == "missing")


def test_a_region_that_does_not_answer_is_unknown(check: Check) -> None:
    with AwsSimulator(SCENARIO) as simulator:
        simulator.fault("ssm:*", "unavailable", region="us-east-1")
        status, lines, _ = check(simulator)
    assert status == 1
    assert {line[0] for line in lines if line[2] == "unknown"} == {"home/us-east-1"}

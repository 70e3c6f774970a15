"""The credentials belong to another account than the configuration says."""

from __future__ import annotations

from typing import Any

import pytest

from serving import Server, request
from smartops_simulators.aws import AwsSimulator
from wire_shapes import data_of, refused

HOME, SHOP = "111111111111", "222222222222"
WEB, SHOP_1 = "i-0abc123def0000001", "shop-1"


@pytest.fixture(scope="module")
def scenario(scenario: dict[str, Any]) -> dict[str, Any]:
    """Let the keys that SmartOps has for the account ``home`` be of ``shop``."""
    return {**scenario, "keys": {HOME: {"account": SHOP}}}


def test_nothing_of_the_other_account_is_shown_under_the_name(
    server: Server, ann: str, upset: AwsSimulator
) -> None:
    data = data_of(server.say(ann, "list instances"))
    assert {item["backend"] for item in data["instances"]} == {
        "shop/eu-central-1",
        "shop/eu-west-1",
    }
    assert {item["backend"]: item["code"] for item in data["failures"]} == {
        "home/eu-central-1": "BACKEND_UNAVAILABLE",
        "home/us-east-1": "BACKEND_UNAVAILABLE",
    }
    error = refused(
        server.say(ann, "list instances --backend 'home/*'"), 503, "BACKEND_UNAVAILABLE"
    )
    assert f"belong to the AWS account {SHOP}, not to {HOME}" in error["message"]
    assert {call.caller for call in upset.calls.of("DescribeInstances")} == {
        f"arn:aws:sts::{SHOP}:assumed-role/smartops/smartops"
    }


def test_nothing_is_changed_under_the_name(server: Server, ann: str, upset: AwsSimulator) -> None:
    for text in (f"stop {WEB}", f"execute 'df -h' on {WEB}"):
        refused(server.say(ann, text), 503, "BACKEND_UNAVAILABLE")
    assert server.say(ann, f"stop {SHOP_1} --backend 'home/*'").body["status"] == "error"
    assert not upset.calls.of("StopInstances")
    assert not upset.calls.of("SendCommand")


def test_the_probe_says_so(server: Server, upset: AwsSimulator) -> None:
    answer = request(f"{server.url}/readyz")
    told = {item["name"]: item for item in answer.body["checks"]}
    assert told["backend shop/eu-central-1"]["ok"]
    for name in ("backend home/eu-central-1", "backend home/us-east-1"):
        assert not told[name]["ok"]
        assert f"belong to the AWS account {SHOP}, not to {HOME}" in told[name]["text"]


def test_aws_is_not_asked_again_and_again(server: Server, ann: str, upset: AwsSimulator) -> None:
    server.say(ann, "list instances --name a")
    server.say(ann, "list instances --name b")
    assert not upset.calls.of("GetCallerIdentity")

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


def test_instances_of_the_other_account_are_not_listed(
    server: Server, ann: str, faulty: AwsSimulator
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
    assert {call.caller for call in faulty.calls.of("DescribeInstances")} == {
        f"arn:aws:sts::{SHOP}:assumed-role/smartops/smartops"
    }


def test_nothing_is_changed_in_the_other_account(
    server: Server, ann: str, faulty: AwsSimulator
) -> None:
    for text in (f"stop {WEB}", f"execute 'df -h' on {WEB}"):
        refused(server.say(ann, text), 503, "BACKEND_UNAVAILABLE")
    assert server.say(ann, f"stop {SHOP_1} --backend 'home/*'").body["status"] == "error"
    assert not faulty.calls.of("StopInstances")
    assert not faulty.calls.of("SendCommand")


def test_readiness_reports_the_wrong_account(server: Server, faulty: AwsSimulator) -> None:
    answer = request(f"{server.url}/readyz")
    reported = {item["name"]: item for item in answer.body["checks"]}
    assert reported["backend shop/eu-central-1"]["ok"]
    for name in ("backend home/eu-central-1", "backend home/us-east-1"):
        assert not reported[name]["ok"]
        assert f"belong to the AWS account {SHOP}, not to {HOME}" in reported[name]["text"]


def test_the_account_is_not_checked_again(server: Server, ann: str, faulty: AwsSimulator) -> None:
    server.say(ann, "list instances --name a")
    server.say(ann, "list instances --name b")
    assert not faulty.calls.of("GetCallerIdentity")

"""Answers with status 200 that are broken, or are not from AWS: they are no result."""

from __future__ import annotations

import itertools

import pytest

from serving import Server
from smartops_simulators.aws import AwsSimulator
from wire_shapes import data_of, refused

HOME = "111111111111"
DF = "execute 'df -h' on web-1"
KINDS = ["malformed", "cut", "html", "empty"]

numbers = itertools.count()


def everything() -> str:
    """Ask for all instances in new words: a listing is remembered for a moment."""
    return f"list instances --name '*' --name no-{next(numbers)}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_answer_is_no_empty_fleet(
    server: Server, ann: str, upset: AwsSimulator, kind: str
) -> None:
    upset.fault("ec2:DescribeInstances", kind)
    error = refused(server.say(ann, everything()), 503, "BACKEND_UNAVAILABLE")
    assert error["message"] == "AWS gave no valid answer to list instances"
    assert "InvalidResponse from ec2:DescribeInstances" in error["details"]
    refused(server.say(ann, "check health"), 503, "BACKEND_UNAVAILABLE")


@pytest.mark.parametrize("kind", KINDS)
def test_one_region_behind_a_login_page_leaves_the_others(
    server: Server, ann: str, upset: AwsSimulator, kind: str
) -> None:
    upset.fault("ec2:DescribeInstances", kind, account=HOME, region="us-east-1")
    data = data_of(server.say(ann, everything()))
    assert [item["backend"] for item in data["failures"]] == ["home/us-east-1"]
    assert data["summary"]["total"] == 16


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verb", ["reboot", "start", "stop"])
def test_a_change_with_a_wrong_answer_may_have_happened(
    server: Server, ann: str, upset: AwsSimulator, verb: str, kind: str
) -> None:
    world = upset.region(HOME, "eu-central-1")
    machine = world.instance("off-1" if verb == "start" else "web-2")
    states = list(machine.states)
    asked = server.say(ann, f"{verb} {machine.id}")
    upset.fault(f"ec2:{verb.capitalize()}Instances", kind)
    answer = server.say(ann, asked.action("confirm"))
    try:
        refused(answer, 503, "BACKEND_UNAVAILABLE", "no valid answer", "may or may not have")
    finally:
        machine.states[:] = states


@pytest.mark.parametrize("kind", KINDS)
def test_tags_with_a_wrong_answer_may_have_been_set(
    server: Server, ann: str, upset: AwsSimulator, kind: str
) -> None:
    asked = server.say(ann, f"tag web-2 Seen={kind}")
    upset.fault("ec2:CreateTags", kind)
    answer = server.say(ann, asked.action("confirm"))
    refused(answer, 503, "BACKEND_UNAVAILABLE", "no valid answer", "may or may not have happened")


@pytest.mark.parametrize("kind", KINDS)
def test_a_script_with_a_wrong_answer_is_found_and_not_sent_again(
    server: Server, ann: str, upset: AwsSimulator, kind: str
) -> None:
    upset.fault("ssm:SendCommand", kind)
    assert data_of(server.say(ann, DF))["output"].startswith("Filesystem")
    assert len(upset.calls.of("SendCommand")) == 1


def test_a_script_that_cannot_be_found_may_have_been_run(
    server: Server, ann: str, upset: AwsSimulator
) -> None:
    upset.fault("ssm:SendCommand", "cut")
    upset.fault("ssm:ListCommands", "html")
    error = refused(server.say(ann, DF), 504, "TIMEOUT", "may have been run")
    assert "check the target's state before you retry" in error["details"]
    assert len(upset.calls.of("SendCommand")) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("action", "text"),
    [
        ("ssm:ListCommandInvocations", DF),
        ("ssm:GetCommandInvocation", "execute journalctl on web-1"),
    ],
)
def test_results_are_looked_for_again_after_a_wrong_answer(
    server: Server, ann: str, upset: AwsSimulator, action: str, text: str, kind: str
) -> None:
    upset.fault(action, kind, times=2)
    assert data_of(server.say(ann, text))["exitCode"] == 0
    upset.fault(action, kind)
    refused(server.say(ann, text), 503, "BACKEND_UNAVAILABLE", "its outcome is unknown")


@pytest.mark.parametrize("kind", KINDS)
def test_agents_measurements_and_bills_are_not_made_up(
    server: Server, ann: str, upset: AwsSimulator, kind: str
) -> None:
    upset.fault("ssm:DescribeInstanceInformation", kind)
    refused(server.say(ann, DF), 503, "BACKEND_UNAVAILABLE", "no valid answer")
    upset.fault("ce:GetCostAndUsage", kind)
    trends = data_of(server.say(ann, "check health web-1"))["trends"]
    assert "cost_trend" in trends["unknown"]
    upset.fault("cloudwatch:GetMetricData", kind)
    refused(server.say(ann, "check health web-1"), 503, "BACKEND_UNAVAILABLE", "no valid answer")


@pytest.mark.parametrize("kind", KINDS)
def test_the_model_answers_nonsense(
    server: Server, ann: str, upset: AwsSimulator, kind: str
) -> None:
    upset.fault("bedrock:InvokeModel", kind)
    refused(server.say(ann, "how many web servers?"), 502, "BEDROCK_ERROR", "typed")


def test_no_capacity_means_that_nothing_was_started(
    server: Server, ann: str, upset: AwsSimulator
) -> None:
    asked = server.say(ann, "start off-1")
    text = (
        "We currently do not have sufficient m5.large capacity in the Availability Zone you "
        "requested (eu-central-1a). Our system will be working on provisioning more."
    )
    more = {"code": "InsufficientInstanceCapacity", "status": 500, "message": text}
    upset.fault("ec2:StartInstances", "error", after=1, **more)
    answer = server.say(ann, asked.action("confirm"))
    error = refused(answer, 503, "BACKEND_UNAVAILABLE", "nothing was started")
    assert "no capacity for m5.large in eu-central-1a" in error["message"]
    (latest, *_) = data_of(server.say(ann, "operations"))["operations"]
    assert (latest["command"], latest["state"]) == ("start off-1", "failed")


def test_a_plan_says_that_a_group_replaces_the_machine(
    server: Server, ann: str, upset: AwsSimulator
) -> None:
    web = upset.region(HOME, "eu-central-1").instance("web-2")
    web.tags["aws:autoscaling:groupName"] = "storefront"
    try:
        asked = server.say(ann, f"stop {web.id}")
    finally:
        del web.tags["aws:autoscaling:groupName"]
    assert "belongs to the Auto Scaling group storefront" in str(asked.body)

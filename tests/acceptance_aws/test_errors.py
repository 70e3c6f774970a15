"""Every error code of the contract that AWS causes."""

from __future__ import annotations

import pytest

from serving import HttpAnswer, Server
from smartops_simulators.aws import AwsSimulator
from wire_shapes import data_of, refused


@pytest.fixture(scope="module")
def timeout() -> str:
    return "1s"


@pytest.fixture(scope="module")
def vic(server: Server) -> str:
    """The token of a viewer."""
    return server.token("vic")


def pressed(server: Server, token: str, text: str) -> HttpAnswer:
    """Confirm what a text asks for, and return what comes of it."""
    asked = server.say(token, text)
    assert asked.body["status"] == "pending", asked.body
    return server.say(token, asked.action("confirm"))


def test_the_policy_of_smartops_denies(
    server: Server, ann: str, vic: str, faulty: AwsSimulator
) -> None:
    refused(server.say(ann, "stop db-1"), 403, "PERMISSION_DENIED", "hands-off-databases")
    refused(server.say(vic, "stop web-1"), 403, "PERMISSION_DENIED")
    refused(server.say(vic, "execute 'systemctl restart nginx' on web-1"), 403, "PERMISSION_DENIED")
    refused(server.say(ann, "execute 'rm -rf /' on web-1"), 403, "PERMISSION_DENIED")
    assert not faulty.calls.of("StopInstances")
    assert not faulty.calls.of("SendCommand")


DENIED = [
    ("list instances", "ec2:DescribeInstances", "list instances"),
    ("stop web-1", "ec2:StopInstances", "stop instance"),
    ("start off-1", "ec2:StartInstances", "start instance"),
    ("reboot web-1", "ec2:RebootInstances", "reboot instance"),
    ("tag web-1 a=b", "ec2:CreateTags", "tag instance"),
    ("untag web-1 Name", "ec2:DeleteTags", "untag instance"),
    ("execute 'df -h' on web-1", "ssm:SendCommand", "run commands on instance"),
    ("execute 'df -h' on web-1", "ssm:DescribeInstanceInformation", "see which instances"),
    ("check health", "cloudwatch:GetMetricData", "read metrics"),
    ("check health web-1", "cloudwatch:GetMetricData", "read metrics"),
]


@pytest.mark.parametrize(("text", "action", "wanted"), DENIED)
def test_iam_denies_before_the_confirmation(
    server: Server, ann: str, faulty: AwsSimulator, text: str, action: str, wanted: str
) -> None:
    faulty.deny(action)
    error = refused(server.say(ann, text), 403, "PERMISSION_DENIED")
    reported = f"{error['message']} {error['details']}"
    assert f"Insufficient permissions to {wanted}" in reported
    assert f"Required IAM action: {action}" in reported


def test_a_role_that_may_not_be_assumed(server: Server, faulty: AwsSimulator) -> None:
    bob = server.token("bob")  # whose session in that account does not exist yet
    faulty.deny("sts:AssumeRole")
    answer = pressed(server, bob, "stop shop-1")
    refused(answer, 403, "PERMISSION_DENIED", "Required IAM action: sts:AssumeRole")


@pytest.mark.parametrize("worded", ["full", "blob", "bare"])
def test_a_denial_that_no_permission_lifts(
    server: Server, ann: str, faulty: AwsSimulator, worded: str
) -> None:
    faulty.deny("ec2:StopInstances", because="scp", worded=worded)
    error = refused(server.say(ann, "stop web-1"), 403, "PERMISSION_DENIED")
    assert error["details"].startswith("Required IAM action: ec2:StopInstances")
    assert ("service control policy denies it explicitly" in error["details"]) == (worded == "full")
    assert "Encoded" not in error["details"]


def test_only_what_carries_the_tag_may_be_changed(
    server: Server, ann: str, faulty: AwsSimulator
) -> None:
    faulty.deny("ec2:StartInstances", unless_tags={"smartops": "managed"})
    refused(server.say(ann, "start stray-2"), 403, "PERMISSION_DENIED", "ec2:StartInstances")
    refused(server.say(ann, "start stray-2,off-1"), 403, "PERMISSION_DENIED")
    assert server.say(ann, "start off-1").body["status"] == "pending"


def test_a_denial_for_one_instance_is_reported_for_it(server: Server, ann: str) -> None:
    data = data_of(server.say(ann, "execute reaches on tag:Role=web"))
    reported = {item["name"]: (item["status"], item["output"]) for item in data["results"]}
    assert reported["far-1"][0] == "failed"
    assert "Required IAM action: ssm:SendCommand" in reported["far-1"][1]
    assert reported["web-2"][0] == "unreachable"
    assert reported["web-1"] == reported["shop-1"] == ("success", "reached\n")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("show nobody", "nobody"),
        ("show web-3", "Did you mean web-1 or web-2?"),
        ("check health i-0ffffffffffffffff", "i-0ffffffffffffffff"),
        ("stop i-0ffffffffffffffff", "i-0ffffffffffffffff"),
        ("execute 'df -h' on i-zzz", "i-zzz"),
        ("start gone-1", "terminated"),
        ("tags 198.51.100.1", "198.51.100.1"),
    ],
)
def test_unknown_instances_are_reported(server: Server, ann: str, text: str, word: str) -> None:
    refused(server.say(ann, text), 404, "INSTANCE_NOT_FOUND", word)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("show twin", ("home/eu-central-1", "home/us-east-1", "by its id")),
        ("stop twin", ("home/eu-central-1", "home/us-east-1", "or all by a tag")),
        ("execute 'df -h' on twin", ("home/eu-central-1", "home/us-east-1")),
        ("stop vault-1", ("protected against being stopped", "OperationNotPermitted")),
        ("reboot off-1", ("off-1 is stopped",)),
        ("execute vanish on web-1", ("InvalidDocument", "Ops-Missing")),
        ("execute Get-Service on web-1", ("linux",)),
        ("execute 'df -h' on web-1 --timeout 3h", ("10 minutes",)),
        ("list instances --state flying", ("flying",)),
        ("list instances --backend moon", ("home/us-east-1",)),
        ("list instances --colour red", ("--colour",)),
    ],
)
def test_invalid_requests_are_refused(
    server: Server, ann: str, text: str, words: tuple[str, ...]
) -> None:
    refused(server.say(ann, text), 400, "VALIDATION_ERROR", *words)


def test_a_change_that_aws_refuses_after_its_dry_run_is_reported(
    server: Server, ann: str, faulty: AwsSimulator
) -> None:
    for code in ("IncorrectInstanceState", "UnsupportedOperation"):
        faulty.fault("ec2:RebootInstances", "error", after=2, code=code, status=400, message="No.")
        answer = pressed(server, ann, "reboot web-1")
        refused(answer, 400, "VALIDATION_ERROR", code)
        faulty.heal()


def test_a_start_without_capacity_says_that_nothing_was_started(
    server: Server, ann: str, faulty: AwsSimulator
) -> None:
    text = (
        "We currently do not have sufficient t3.medium capacity in the Availability Zone you "
        "requested (eu-central-1a). Our system will be working on provisioning more."
    )
    code = "InsufficientInstanceCapacity"
    faulty.fault("ec2:StartInstances", "error", after=2, code=code, status=500, message=text)
    words = "no capacity for t3.medium in eu-central-1a", "nothing was started"
    refused(pressed(server, ann, "start off-1"), 503, "BACKEND_UNAVAILABLE", *words)


def test_the_plan_warns_of_the_auto_scaling_group_of_an_instance(
    server: Server, ann: str, faulty: AwsSimulator
) -> None:
    tags = faulty.region().instance("web-1").tags
    tags["aws:autoscaling:groupName"] = "web-fleet"
    try:
        plan = server.say(ann, "stop web-1").data["plan"]
    finally:
        del tags["aws:autoscaling:groupName"]
    assert "web-1 belongs to the Auto Scaling group web-fleet" in " ".join(plan["warnings"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("execute 'df -h' on lost-1", ("lost-1", "ConnectionLost")),
        ("execute 'df -h' on bare-1", ("bare-1", "not registered with SSM")),
        ("execute 'df -h' on off-1", ("off-1", "stopped")),
        ("execute 'df -h' on tag:Role=mute", ("None of 2 instances", "SSM")),
        ("execute reaches on web-2", ("web-2", "could not be delivered")),
    ],
)
def test_unreachable_agents_are_reported(
    server: Server, ann: str, text: str, words: tuple[str, ...]
) -> None:
    refused(server.say(ann, text), 503, "SSM_UNAVAILABLE", *words)


def test_an_agent_that_disconnects_before_sending_is_reported(
    server: Server, ann: str, faulty: AwsSimulator
) -> None:
    text = "Instances [[i-0abc123def0000001]] not in a valid state for account 111111111111"
    faulty.fault("ssm:SendCommand", "error", code="InvalidInstanceId", status=400, message=text)
    error = refused(server.say(ann, "execute 'df -h' on web-1"), 503, "SSM_UNAVAILABLE")
    assert "i-0abc123def0000001" in error["message"]
    assert "111111111111" not in str(error)


@pytest.mark.parametrize(
    ("kind", "more", "word"),
    [
        ("throttle", {}, "too much at once"),
        ("error", {"code": "AccessDeniedException", "status": 403}, "may not be used"),
        ("error", {"code": "ModelErrorException", "status": 424}, "model"),
        ("error", {"code": "InternalServerException", "status": 500}, "has trouble"),
        ("hang", {}, "did not answer"),
        ("drop", {}, "did not answer"),
    ],
)
def test_commands_work_while_the_model_fails(
    server: Server, ann: str, faulty: AwsSimulator, kind: str, more: dict[str, object], word: str
) -> None:
    faulty.fault("bedrock:InvokeModel", kind, **more)
    refused(server.say(ann, "how many web servers?"), 502, "BEDROCK_ERROR", word, "Typed commands")
    data_of(server.say(ann, "list instances --name web-1"))

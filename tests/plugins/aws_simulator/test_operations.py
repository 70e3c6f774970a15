"""The SDK against the local AWS: what is sent is understood, and what comes back is readable."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from smartops_simulators.aws import answered, uses

WEB = [{"name": f"web-{n}", "tags": {"Role": "web"}} for n in range(1, 8)]
ACCOUNT, OTHER, REGION = "123456789012", "222222222222", "eu-central-1"
MODEL = "amazon.nova-pro-v1:0"


def code(call: Any, **given: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**given)
    return str(refused.value.response["Error"]["Code"])


def names(answer: Any) -> list[str]:
    found = [each for part in answer["Reservations"] for each in part["Instances"]]
    tags = [{tag["Key"]: tag["Value"] for tag in each["Tags"]} for each in found]
    return [each["Name"] for each in tags]


def test_pages_of_instances(start, client):
    ec2 = client(start(*WEB), "ec2")
    first = ec2.describe_instances(MaxResults=5)
    assert names(first) == [f"web-{n}" for n in range(1, 6)]
    token = first["NextToken"]
    assert names(ec2.describe_instances(MaxResults=5, NextToken=token)) == ["web-6", "web-7"]
    role = [{"Name": "tag:Role", "Values": ["web"]}]
    for wrong in ({"NextToken": "made-up"}, {"NextToken": token, "Filters": role}):
        assert code(ec2.describe_instances, MaxResults=5, **wrong) == "InvalidParameterValue"
    for wrong in ({"MaxResults": 4}, {"MaxResults": 5, "InstanceIds": ["i-1"]}):
        assert code(ec2.describe_instances, **wrong) == "InvalidParameterCombination"


def test_a_role_is_given_to_trusted_accounts_only(start, client):
    role = {"external_id": "x-1", "accounts": [ACCOUNT]}
    there = {"regions": {REGION: {"instances": [{"name": "there"}]}}, "roles": {"ops": role}}
    aws = start(accounts={OTHER: there})
    arn = f"arn:aws:iam::{OTHER}:role/path/ops"
    sts = client(aws, "sts")
    assert sts.get_caller_identity()["Account"] == ACCOUNT
    asked = {"RoleArn": arn, "RoleSessionName": "alice"}
    assert code(sts.assume_role, **asked) == "AccessDenied"
    assert code(client(aws, "sts", OTHER).assume_role, **asked, ExternalId="x-1") == "AccessDenied"
    keys = sts.assume_role(**asked, ExternalId="x-1")["Credentials"]
    ec2 = client(aws, "ec2", keys["AccessKeyId"], keys["SessionToken"])
    assert names(ec2.describe_instances()) == ["there"]
    assert aws.calls[-1].caller == f"arn:aws:sts::{OTHER}:assumed-role/ops/alice"
    stolen = client(aws, "ec2", keys["AccessKeyId"], "another token")
    assert code(stolen.describe_instances) == "AuthFailure"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"TimeoutSeconds": 29}, "ValidationException"),
        ({"InstanceIds": ["i-0123456789abcdef0"] * 51}, "ValidationException"),
        ({"DocumentName": "Nothing"}, "InvalidDocument"),
        ({"Parameters": {"nothing": ["x"]}}, "InvalidParameters"),
        ({"Parameters": {}}, "InvalidParameters"),
    ],
)
def test_commands_that_ssm_refuses(start, client, given, problem):
    aws = start({"name": "web-1"})
    usual = {
        "InstanceIds": list(aws.region().instances),
        "DocumentName": "AWS-RunShellScript",
        "Parameters": {"commands": ["df"]},
    }
    assert code(client(aws, "ssm").send_command, **(usual | given)) == problem


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [user({"text": " "})],
        [user()],
        [user({"text": "a"}), user({"text": "b"})],
        [user({"text": "a"}), {"role": "assistant", "content": [{"text": "b"}]}],
        [user({"toolResult": {"toolUseId": "x", "content": [{"text": "y"}]}})],
        [
            user({"text": "a"}),
            {
                "role": "assistant",
                "content": [{"toolUse": {"toolUseId": "x", "name": "a", "input": {}}}],
            },
            user({"text": "b"}),
        ],
    ],
)
def test_conversations_that_converse_refuses(start, client, messages):
    aws = start()
    bedrock = client(aws, "bedrock-runtime")
    assert code(bedrock.converse, modelId=MODEL, messages=messages) == "ValidationException"
    assert len(aws.breaches) == 1


def test_answers_must_fit_the_model_of_the_service(start, client):
    aws = start()
    aws.brain = lambda asked: {**answered([], "end_turn"), "colour": "red"}
    with pytest.raises(Exception, match="onnection was closed"):
        client(aws, "bedrock-runtime").converse(modelId=MODEL, messages=[user({"text": "a"})])
    assert uses(("a", {}))["stopReason"] == "tool_use"

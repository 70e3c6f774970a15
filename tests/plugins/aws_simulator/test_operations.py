"""The SDK against the local AWS: what is sent is understood, and what comes back is readable."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from smartops_simulators.aws import answered, says, script, uses

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


def test_power_takes_time(start, client, clock):
    aws = start({"name": "web-1"}, {"name": "db-1", "protected": True})
    web, db = aws.region().instances.values()
    ec2 = client(aws, "ec2")

    def state() -> str:
        (part,) = ec2.describe_instances(InstanceIds=[web.id])["Reservations"]
        return str(part["Instances"][0]["State"]["Name"])

    assert code(ec2.stop_instances, InstanceIds=[web.id], DryRun=True) == "DryRunOperation"
    assert code(ec2.stop_instances, InstanceIds=[web.id, db.id]) == "OperationNotPermitted"
    assert state() == "running"
    (change,) = ec2.stop_instances(InstanceIds=[web.id])["StoppingInstances"]
    assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == (
        "running",
        "stopping",
    )
    assert code(ec2.start_instances, InstanceIds=[web.id]) == "IncorrectInstanceState"
    clock.advance(10)
    assert state() == "stopped"
    launched = web.launched(clock.time())
    ec2.start_instances(InstanceIds=[web.id])
    assert state() == "pending"
    clock.advance(10)
    assert (state(), web.launched(clock.time()) > launched) == ("running", True)


def test_instances_that_do_not_exist(start, client):
    ec2 = client(start(), "ec2")
    wrong = {"InstanceIds": ["i-0123456789abcdef0"]}
    assert code(ec2.describe_instances, **wrong) == "InvalidInstanceID.NotFound"
    assert code(ec2.start_instances, **wrong, DryRun=True) == "InvalidInstanceID.NotFound"


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


def test_a_command_runs_and_its_output_is_cut(start, client, clock):
    printed = {"script": "^df", "stdout": "{name} is full\n" * 2000, "exit_code": 3, "takes": "5s"}
    aws = start({"name": "web-1"}, {"name": "mute-1", "agent": "missing"}, outputs=[printed])
    web, mute = aws.region().instances.values()
    ssm = client(aws, "ssm")
    nodes = ssm.describe_instance_information()["InstanceInformationList"]
    assert [each["InstanceId"] for each in nodes] == [web.id]
    sent = {"DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["df -h"]}}
    assert code(ssm.send_command, InstanceIds=[mute.id], **sent) == "InvalidInstanceId"
    command = ssm.send_command(InstanceIds=[web.id], **sent)["Command"]["CommandId"]
    assert ssm.list_command_invocations(CommandId=command)["CommandInvocations"] == []
    clock.advance(1)
    (listed,) = ssm.list_command_invocations(CommandId=command)["CommandInvocations"]
    assert listed["Status"] == "InProgress"
    clock.advance(10)
    found = ssm.get_command_invocation(CommandId=command, InstanceId=web.id)
    assert (found["Status"], found["ResponseCode"]) == ("Failed", 3)
    assert len(found["StandardOutputContent"]) == 24_000
    assert found["StandardOutputContent"].endswith("---Output truncated---")
    assert found["StandardErrorContent"] == "failed to run commands: exit status 3"


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


def test_a_scripted_model(start, client):
    aws = start()
    aws.brain = script(uses(("stop", {"targets": ["web-3"]})), says("I did: stopped"))
    bedrock = client(aws, "bedrock-runtime")
    tool = {"name": "stop", "inputSchema": {"json": {"type": "object"}}}
    tools = {"tools": [{"toolSpec": tool}]}
    question = user({"text": "Please stop web-3"})
    answer = bedrock.converse(modelId=MODEL, messages=[question], toolConfig=tools)
    message = answer["output"]["message"]
    (block,) = message["content"]
    assert block["toolUse"]["input"] == {"targets": ["web-3"]}
    result = {"toolUseId": block["toolUse"]["toolUseId"], "content": [{"text": "stopped"}]}
    more = [question, message, user({"toolResult": result})]
    answer = bedrock.converse(modelId=MODEL, messages=more, toolConfig=tools)
    assert answer["output"]["message"]["content"] == [{"text": "I did: stopped"}]
    aws.brain = lambda asked: says(asked.question[::-1])
    answer = bedrock.converse(modelId=MODEL, messages=[user({"text": "abc"})])
    assert answer["output"]["message"]["content"] == [{"text": "cba"}]
    assert aws.breaches == []


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

"""Accounts, roles, and what is not allowed, as real clients see it."""

from __future__ import annotations

import pytest

from smartops_aws.simulator import Call, Calls
from smartops_aws.simulator.calls import MOST

pytestmark = pytest.mark.anyio

OTHER = "222222222222"
WEB = {"name": "web-01"}
ARN = f"arn:aws:iam::{OTHER}:role/ops/smartops"
USER = "arn:aws:iam::123456789012:user/smartops"


def other(**role):
    region = {"instances": [{"name": "theirs"}]}
    return {OTHER: {"regions": {"eu-central-1": region}, "roles": {"smartops": role}}}


async def test_a_key_belongs_to_an_account(start):
    keys = {"AKIABOT": {"account": OTHER, "user": "bot"}}
    async with start(others=other(), keys=keys) as place:
        who = {
            key: (await place.client("sts", key=key)("get_caller_identity"))["Arn"]
            for key in ("123456789012", OTHER, "AKIABOT", "AKIAANYBODY")
        }
    assert who == {
        "123456789012": USER,
        OTHER: f"arn:aws:iam::{OTHER}:user/smartops",
        "AKIABOT": f"arn:aws:iam::{OTHER}:user/bot",
        "AKIAANYBODY": USER,
    }


async def test_a_role_opens_another_account(start):
    async with start(instances=[WEB], others=other()) as place:
        given = await place.client("sts")(
            "assume_role", RoleArn=ARN, RoleSessionName="alice", DurationSeconds=900
        )
        assert given["AssumedRoleUser"]["Arn"] == (
            f"arn:aws:sts::{OTHER}:assumed-role/smartops/alice"
        )
        keys = given["Credentials"]
        theirs = {"key": keys["AccessKeyId"], "token": keys["SessionToken"]}
        answer = await place.client("ec2", **theirs)("describe_instances")
        (instance,) = answer["Reservations"][0]["Instances"]
        assert instance["InstanceId"] == place.world(OTHER).instance("theirs").id
        assert place.simulator.calls[-1].caller == given["AssumedRoleUser"]["Arn"]

        code, _, status = await place.client("ec2", key=keys["AccessKeyId"], token="x").refused(
            "describe_instances"
        )
        assert (code, status) == ("AuthFailure", 401)
        place.clock.advance(900)
        expired = {
            service: (await place.client(service, **theirs).refused(method))[0]
            for service, method in (
                ("ec2", "describe_instances"),
                ("sts", "get_caller_identity"),
                ("ssm", "list_commands"),
                ("cloudwatch", "list_metrics"),
            )
        }
        assert expired == {
            "ec2": "RequestExpired",
            "sts": "ExpiredToken",
            "ssm": "ExpiredTokenException",
            "cloudwatch": "ExpiredToken",
        }


@pytest.mark.parametrize(
    ("role", "asked"),
    [
        ({"external_id": "x-1"}, {}),
        ({"external_id": "x-1"}, {"ExternalId": "x-2"}),
        ({"accounts": ["333333333333"]}, {}),
        ({}, {"RoleArn": f"arn:aws:iam::{OTHER}:role/admin"}),
        ({}, {"RoleArn": "arn:aws:iam::999999999999:role/smartops"}),
    ],
)
async def test_a_role_trusts_whom_it_trusts(start, role, asked):
    given = {"RoleArn": ARN, "RoleSessionName": "alice", **asked}
    async with start(others=other(**role)) as place:
        assert await place.client("sts").refused("assume_role", **given) == (
            "AccessDenied",
            f"User: {USER} is not authorized to perform: sts:AssumeRole on resource: "
            f"{given['RoleArn']}",
            403,
        )


async def test_a_role_with_the_right_external_id(start):
    async with start(others=other(external_id="x-1")) as place:
        await place.client("sts")(
            "assume_role", RoleArn=ARN, RoleSessionName="alice", ExternalId="x-1"
        )
        sts = place.client("sts")
        name = {"RoleArn": ARN, "ExternalId": "x-1"}
        code, text, status = await sts.refused("assume_role", RoleSessionName="a b", **name)
        assert (code, status) == ("ValidationError", 400)
        assert "at 'roleSessionName' failed to satisfy constraint" in text
        code, _, _ = await sts.refused(
            "assume_role", RoleSessionName="alice", DurationSeconds=7200, **name
        )
        assert code == "ValidationError"


async def test_keys_that_let_nobody_in(start):
    keys = {
        "AKIAOLD": {"account": "123456789012", "expired": True},
        "AKIAOFF": {"account": "123456789012", "disabled": True},
    }
    calls = [
        ("ec2", "describe_instances", {}),
        ("sts", "get_caller_identity", {}),
        ("ssm", "list_commands", {}),
        ("cloudwatch", "list_metrics", {}),
        ("bedrock-runtime", "converse", {"modelId": "m", "messages": []}),
    ]
    async with start(keys=keys) as place:
        off = [await place.client(s, key="AKIAOFF").refused(m, **p) for s, m, p in calls]
        old = [await place.client(s, key="AKIAOLD").refused(m, **p) for s, m, p in calls]
    assert [(code, status) for code, _, status in off] == [
        ("AuthFailure", 401),
        ("InvalidClientTokenId", 403),
        ("UnrecognizedClientException", 400),
        ("InvalidClientTokenId", 400),
        ("UnrecognizedClientException", 403),
    ]
    assert [code for code, _, _ in old] == [
        "RequestExpired",
        "ExpiredToken",
        "ExpiredTokenException",
        "ExpiredToken",
        "ExpiredTokenException",
    ]


async def test_denials_in_the_words_of_each_service(start):
    async with start(instances=[WEB]) as place:
        place.simulator.deny("*")
        id_ = place.world().instance("web-01").id
        arn = f"arn:aws:ec2:eu-central-1:123456789012:instance/{id_}"
        command = {"DocumentName": "AWS-RunShellScript", "InstanceIds": [id_]}
        period = {"TimePeriod": {"Start": "2027-01-01", "End": "2027-01-02"}}
        cost = {**period, "Granularity": "DAILY", "Metrics": ["UnblendedCost"]}
        talk = {"modelId": "m.x", "messages": [{"role": "user", "content": [{"text": "hi"}]}]}
        model = "arn:aws:bedrock:eu-central-1::foundation-model/m.x"
        for service, method, given, action, resource, code, status in (
            ("ssm", "send_command", command, "ssm:SendCommand", arn, "AccessDeniedException", 400),
            ("ssm", "list_commands", {}, "ssm:ListCommands", "*", "AccessDeniedException", 400),
            (
                "ce",
                "get_cost_and_usage",
                cost,
                "ce:GetCostAndUsage",
                "*",
                "AccessDeniedException",
                400,
            ),
            (
                "cloudwatch",
                "list_metrics",
                {},
                "cloudwatch:ListMetrics",
                "*",
                "AccessDeniedException",
                403,
            ),
            (
                "bedrock-runtime",
                "converse",
                talk,
                "bedrock:InvokeModel",
                model,
                "AccessDeniedException",
                403,
            ),
            ("sts", "get_caller_identity", {}, "sts:GetCallerIdentity", "*", "AccessDenied", 403),
        ):
            assert await place.client(service).refused(method, **given) == (
                code,
                f"User: {USER} is not authorized to perform: {action} on resource: {resource} "
                f"because no identity-based policy allows the {action} action",
                status,
            )


async def test_the_three_shapes_of_a_denial_by_ec2(start):
    async with start(instances=[WEB]) as place:
        ec2, id_ = place.client("ec2"), place.world().instance("web-01").id
        texts = {}
        for worded in ("bare", "blob", "full"):
            place.simulator.allow_all()
            place.simulator.deny("ec2:Stop*", worded=worded, because="scp")
            code, texts[worded], status = await ec2.refused(
                "stop_instances", InstanceIds=[id_], DryRun=True
            )
            assert (code, status) == ("UnauthorizedOperation", 403)
        await ec2("describe_instances")  # that is still allowed
    bare = "You are not authorized to perform this operation."
    assert texts["bare"] == bare
    begin, _, blob = texts["blob"].partition(" Encoded authorization failure message: ")
    assert begin == bare
    assert len(blob) > 200
    assert set(blob) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert texts["full"].startswith(
        f"{bare} User: {USER} is not authorized to perform: ec2:StopInstances on resource: "
        f"arn:aws:ec2:eu-central-1:123456789012:instance/{id_} with an explicit deny in a "
        "service control policy. Encoded authorization failure message: "
    )


async def test_a_tag_may_make_the_difference(start):
    ours = {"name": "ours", "tags": {"smartops": "managed"}}
    refusal = {"action": "ec2:*", "unless_tags": {"smartops": "managed"}}
    async with start(instances=[WEB, ours], denials=[refusal]) as place:
        ec2 = place.client("ec2")
        await ec2("describe_instances")
        await ec2("stop_instances", InstanceIds=[place.world().instance("ours").id])
        both = [place.world().instance(name).id for name in ("ours", "web-01")]
        code, text, _ = await ec2.refused("reboot_instances", InstanceIds=both)
        assert code == "UnauthorizedOperation"
        assert both[1] in text
        assert both[0] not in text


async def test_calls_are_recorded(start):
    async with start(instances=[WEB]) as place:
        id_ = place.world().instance("web-01").id
        await place.client("ec2")("describe_instances", MaxResults=5)
        await place.client("ssm").refused("cancel_command", CommandId="0" * 36)
        await place.client("ec2")("stop_instances", InstanceIds=[id_])
        calls = place.simulator.calls
        assert [(call.action, call.error) for call in calls] == [
            ("ec2:DescribeInstances", ""),
            ("ssm:CancelCommand", "InvalidCommandId"),
            ("ec2:StopInstances", ""),
        ]
        assert calls.of("StopInstances")[0].params == {"InstanceIds": [id_]}
        assert calls[0].params == {"MaxResults": 5}
        assert {(call.account, call.region) for call in calls} == {("123456789012", "eu-central-1")}
        assert calls.actions == {"ec2:DescribeInstances", "ssm:CancelCommand", "ec2:StopInstances"}


async def test_old_calls_are_forgotten():
    calls = Calls()
    for at in range(MOST + 1):
        calls.note(Call("ec2", "DescribeInstances", "eu-central-1", at))
    assert calls[-1].at == MOST
    assert len(calls) == MOST // 2 + 1

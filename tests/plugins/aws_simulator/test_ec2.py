"""EC2 as real clients see it."""

from __future__ import annotations

from typing import Any

import pytest
from anyio import to_thread

pytestmark = pytest.mark.anyio

WEB = {"name": "web-01", "tags": {"Role": "web"}}
WIN = {"name": "dc-01", "platform": "windows", "private_ip": "10.9.9.9", "type": "t3.large"}
OFF = {"name": "batch-01", "state": "stopped"}
SAFE = {"name": "orders-db", "protected": True, "tags": {"Note": "50*?\\ & <half>"}}


def shown(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for found in answer["Reservations"] for each in found["Instances"]]


def names(answer: dict[str, Any]) -> list[str]:
    tags = [{tag["Key"]: tag["Value"] for tag in each["Tags"]} for each in shown(answer)]
    return [each["Name"] for each in tags]


async def test_an_instance_is_told_as_ec2_tells_it(start):
    async with start(instances=[{**WEB, "public_ip": "203.0.113.7"}, WIN]) as place:
        linux, windows = shown(await place.client("ec2")("describe_instances"))
    assert linux["State"] == {"Code": 16, "Name": "running"}
    assert linux["PublicIpAddress"] == "203.0.113.7"
    assert "Platform" not in linux
    assert linux["PlatformDetails"] == "Linux/UNIX"
    assert linux["NetworkInterfaces"][0]["PrivateIpAddress"] == linux["PrivateIpAddress"]
    assert windows["Platform"] == "windows"
    assert "PublicIpAddress" not in windows
    assert {"Key": "Role", "Value": "web"} in linux["Tags"]


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("tag:Name", ["web-01"], ["web-01"]),
        ("tag:Name", ["WEB-01"], []),
        ("tag:Name", ["*-01"], ["web-01", "dc-01", "batch-01"]),
        ("tag:Name", ["dc-0?", "web*"], ["web-01", "dc-01"]),
        ("tag:Note", [r"50\*\?\\ & <half>"], ["orders-db"]),
        ("tag:Note", [r"50\*"], []),
        ("tag:Missing", ["*"], []),
        ("tag-key", ["Role"], ["web-01"]),
        ("tag-value", ["web"], ["web-01"]),
        ("instance-state-name", ["stopped"], ["batch-01"]),
        ("instance-state-code", ["80"], ["batch-01"]),
        ("platform", ["windows"], ["dc-01"]),
        ("private-ip-address", ["10.9.9.9"], ["dc-01"]),
        ("instance-type", ["t3.l*"], ["dc-01"]),
    ],
)
async def test_filters(start, name, values, expected):
    async with start(instances=[WEB, WIN, OFF, SAFE]) as place:
        ec2 = place.client("ec2")
        answer = await ec2("describe_instances", Filters=[{"Name": name, "Values": values}])
        assert names(answer) == expected


async def test_filters_are_anded_and_unknown_ones_refused(start):
    async with start(instances=[WEB, WIN]) as place:
        ec2 = place.client("ec2")
        both = [
            {"Name": "tag:Name", "Values": ["*-01"]},
            {"Name": "platform", "Values": ["windows"]},
        ]
        assert names(await ec2("describe_instances", Filters=both)) == ["dc-01"]
        assert await ec2.refused(
            "describe_instances", Filters=[{"Name": "colour", "Values": ["red"]}]
        ) == ("InvalidParameterValue", "The filter 'colour' is invalid", 400)
        many = [{"Name": "instance-id", "Values": ["i-0"] * 201}]
        assert (await ec2.refused("describe_instances", Filters=many))[0] == "FilterLimitExceeded"


async def test_pages_count_instances(start):
    async with start(generate=[{"count": 23, "name": "n-{n:02}"}]) as place:
        pages = await place.client("ec2").pages("describe_instances", 10)
    assert [len(shown(page)) for page in pages] == [10, 10, 3]
    assert [name for page in pages for name in names(page)] == [f"n-{n:02}" for n in range(1, 24)]


async def test_a_page_size_has_bounds_and_excludes_ids(start):
    async with start(instances=[WEB]) as place:
        ec2 = place.client("ec2")
        id_ = place.world().instance("web-01").id
        code, text, status = await ec2.refused(
            "describe_instances", MaxResults=10, InstanceIds=[id_]
        )
        assert (code, status) == ("InvalidParameterCombination", 400)
        for size in (4, 1001):
            code, text, _ = await ec2.refused("describe_instances", MaxResults=size)
            assert code == "InvalidParameterValue"
            assert "between 5 and 1000" in text
        code, _, _ = await ec2.refused("describe_instances", MaxResults=5, NextToken="mine")
        assert code == "InvalidParameterValue"


async def test_ids_that_are_not_there(start):
    async with start(instances=[WEB]) as place:
        ec2 = place.client("ec2")
        assert await ec2.refused("describe_instances", InstanceIds=["i-12345"]) == (
            "InvalidInstanceID.Malformed",
            'Invalid id: "i-12345"',
            400,
        )
        missing = ["i-00000000000000001", "i-00000000000000002"]
        assert await ec2.refused("stop_instances", InstanceIds=missing[:1]) == (
            "InvalidInstanceID.NotFound",
            "The instance ID 'i-00000000000000001' does not exist",
            400,
        )
        _, text, _ = await ec2.refused("start_instances", InstanceIds=missing)
        assert text == f"The instance IDs '{', '.join(missing)}' do not exist"
        assert (await ec2.refused("start_instances"))[0] == "MissingParameter"


async def test_stopping_and_starting_take_their_time(start):
    timing = {"stop": "6s", "start": "4s"}
    async with start(instances=[WEB], timing=timing) as place:
        ec2, one = place.client("ec2"), place.world().instance("web-01")

        async def state() -> str:
            answer = await ec2("describe_instances", InstanceIds=[one.id])
            return shown(answer)[0]["State"]["Name"]

        answer = await ec2("stop_instances", InstanceIds=[one.id])
        (change,) = answer["StoppingInstances"]
        assert change["PreviousState"]["Name"] == "running"
        assert change["CurrentState"] == {"Code": 64, "Name": "stopping"}
        assert await state() == "stopping"
        code, _, _ = await ec2.refused("start_instances", InstanceIds=[one.id])
        assert code == "IncorrectInstanceState"
        place.clock.advance(6)
        assert await state() == "stopped"
        again = await ec2("stop_instances", InstanceIds=[one.id])
        assert again["StoppingInstances"][0]["CurrentState"]["Name"] == "stopped"
        assert (await ec2.refused("reboot_instances", InstanceIds=[one.id]))[0] == (
            "IncorrectInstanceState"
        )
        launched = place.clock.now()
        await ec2("start_instances", InstanceIds=[one.id])
        assert await state() == "pending"
        place.clock.advance(4)
        answer = await ec2("describe_instances", InstanceIds=[one.id])
        assert shown(answer)[0]["State"]["Name"] == "running"
        assert shown(answer)[0]["LaunchTime"] == launched


async def test_the_waiter_of_the_sdk_is_content(start):
    async with start(instances=[OFF], timing={"start": "0s"}) as place:
        ec2, one = place.client("ec2"), place.world().instance("batch-01")
        await ec2("start_instances", InstanceIds=[one.id])
        waiter = ec2.real.get_waiter("instance_running")
        await to_thread.run_sync(lambda: waiter.wait(InstanceIds=[one.id]))


async def test_a_reboot_is_seen_by_the_agent_only(start):
    async with start(instances=[WEB], timing={"reboot": "8s"}) as place:
        one = place.world().instance("web-01")
        await place.client("ec2")("reboot_instances", InstanceIds=[one.id])
        ssm = place.client("ssm")
        answer = await ssm("describe_instance_information")
        assert answer["InstanceInformationList"][0]["PingStatus"] == "ConnectionLost"
        place.clock.advance(8)
        answer = await ssm("describe_instance_information")
        assert answer["InstanceInformationList"][0]["PingStatus"] == "Online"


async def test_dry_runs_change_nothing(start):
    async with start(instances=[WEB]) as place:
        ec2, one = place.client("ec2"), place.world().instance("web-01")
        assert await ec2.refused("stop_instances", InstanceIds=[one.id], DryRun=True) == (
            "DryRunOperation",
            "Request would have succeeded, but DryRun flag is set.",
            412,
        )
        place.clock.advance(60)
        assert one.state(place.clock.time()) == "running"


async def test_protection(start):
    async with start(instances=[SAFE]) as place:
        ec2, one = place.client("ec2"), place.world().instance("orders-db")
        code, text, status = await ec2.refused("stop_instances", InstanceIds=[one.id])
        assert (code, status) == ("OperationNotPermitted", 400)
        assert "disableApiStop" in text
        answer = await ec2(
            "describe_instance_attribute", InstanceId=one.id, Attribute="disableApiStop"
        )
        assert answer["DisableApiStop"] == {"Value": True}
        await ec2("modify_instance_attribute", InstanceId=one.id, DisableApiStop={"Value": False})
        await ec2("stop_instances", InstanceIds=[one.id])


async def test_tags(start):
    async with start(instances=[WEB]) as place:
        ec2, one = place.client("ec2"), place.world().instance("web-01")
        odd = {"Key": "Näme & <x>", "Value": 'a "b" \u2028 c'}
        await ec2("create_tags", Resources=[one.id], Tags=[odd, {"Key": "Team", "Value": ""}])
        answer = await ec2("describe_instances")
        assert odd in shown(answer)[0]["Tags"]
        await ec2("delete_tags", Resources=[one.id], Tags=[{"Key": "Role", "Value": "other"}])
        assert one.tags["Role"] == "web"
        await ec2("delete_tags", Resources=[one.id], Tags=[{"Key": "Role"}])
        assert "Role" not in one.tags
        code, _, _ = await ec2.refused(
            "create_tags", Resources=[one.id], Tags=[{"Key": "aws:x", "Value": ""}]
        )
        assert code == "InvalidParameterValue"
        many = [{"Key": f"k{n}", "Value": ""} for n in range(50)]
        code, _, _ = await ec2.refused("create_tags", Resources=[one.id], Tags=many)
        assert code == "TagLimitExceeded"


async def test_regions_are_worlds_of_their_own(start):
    async with start(instances=[WEB]) as place:
        ec2 = place.client("ec2")
        answer = await ec2("describe_regions")
        assert [each["RegionName"] for each in answer["Regions"]] == ["eu-central-1"]
        elsewhere = await place.client("ec2", region="us-west-2")("describe_instances")
        assert elsewhere["Reservations"] == []


async def test_what_ec2_has_no_operation_for_is_refused(start):
    async with start() as place:
        code, text, _ = await place.client("ec2").refused("describe_vpcs")
        assert (code, text) == (
            "InvalidAction",
            "The action DescribeVpcs is not valid for this web service.",
        )

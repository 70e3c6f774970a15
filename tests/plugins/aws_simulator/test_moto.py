"""The simulator and moto, an independent implementation, answer alike where moto is right."""

from __future__ import annotations

import os
from typing import Any

import pytest
from botocore.exceptions import ClientError

os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"  # read when moto is imported

from moto import mock_aws

NAMES = ("web-1", "web-2", "db-1")


def answer_of(client: Any, method: str, **given: Any) -> Any:
    """Return what a call gives, without its metadata, or what it is refused with."""
    try:
        answer = getattr(client, method)(**given)
    except ClientError as error:
        found = error.response["Error"]
        return found["Code"], found["Message"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    del answer["ResponseMetadata"]
    return answer


def tagged(instance: dict[str, Any]) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in instance.get("Tags", ())}


def listed(ec2: Any, **given: Any) -> list[dict[str, Any]]:
    answer = ec2.describe_instances(**given)
    found = [each for part in answer["Reservations"] for each in part["Instances"]]
    return sorted(found, key=lambda each: tagged(each)["Name"])


def changes(answer: Any) -> list[tuple[str, str]]:
    (part,) = answer.values()
    return [(each["PreviousState"]["Name"], each["CurrentState"]["Name"]) for each in part]


def filtered(ec2: Any, name: str, *values: str) -> list[str]:
    found = listed(ec2, Filters=[{"Name": name, "Values": list(values)}])
    return [tagged(each)["Name"] for each in found]


def facts_of_ec2(ec2: Any) -> dict[str, Any]:
    """Do the same things to either, and return what is the same if both are right."""
    instances = listed(ec2)
    ids = [each["InstanceId"] for each in instances]
    missing = "i-0123456789abcdef0"
    tag = [{"Key": "Note", "Value": "a & <b>"}]
    found: dict[str, Any] = {
        "ids": [(id_[:2], len(id_)) for id_ in ids],
        "types": [type(each["LaunchTime"]) for each in instances],
        "states": [each["State"] for each in instances],
        "not found": answer_of(ec2, "stop_instances", InstanceIds=[missing]),
        "dry": answer_of(ec2, "stop_instances", InstanceIds=ids, DryRun=True),
        "ids and pages": answer_of(ec2, "describe_instances", InstanceIds=ids, MaxResults=10)[0],
        "rebooted": answer_of(ec2, "reboot_instances", InstanceIds=ids[:1]),
        "started, running": changes(answer_of(ec2, "start_instances", InstanceIds=ids[:1]))[0][0],
        "tagged": answer_of(ec2, "create_tags", Resources=ids[:2], Tags=tag),
        "seen": [tagged(each).get("Note") for each in listed(ec2)],
        "untagged": answer_of(ec2, "delete_tags", Resources=ids[:1], Tags=[{"Key": "Note"}]),
        "seen again": [tagged(each).get("Note") for each in listed(ec2)],
        "stopped": changes(answer_of(ec2, "stop_instances", InstanceIds=ids[2:])),
    }
    for name, values in (
        ("tag:Name", ["web-*"]),
        ("tag:Name", ["w?b-1", "db-1"]),
        ("tag:Name", ["WEB-1"]),
        ("tag:Note", ["a*"]),
        ("tag-key", ["Note"]),
        ("instance-state-name", ["running"]),
        ("instance-id", ids[:1]),
    ):
        found[f"{name}={len(found)}"] = filtered(ec2, name, *values)
    return found


@pytest.fixture
def moto(session: Any) -> Any:
    """Return what makes clients of moto, with the same instances in it."""
    with mock_aws():

        def make(service: str) -> Any:
            return session.create_client(
                service,
                region_name="eu-central-1",
                aws_access_key_id="testing",
                aws_secret_access_key="testing",
            )

        for name in NAMES:
            make("ec2").run_instances(
                ImageId="ami-1234abcd",
                MinCount=1,
                MaxCount=1,
                TagSpecifications=[
                    {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}
                ],
            )
        yield make


def test_ec2(start, client, moto):
    theirs = facts_of_ec2(moto("ec2"))
    aws = start(*({"name": name} for name in NAMES))
    assert facts_of_ec2(client(aws, "ec2")) == theirs

"""Another look-alike, written by others, agrees: moto for CloudWatch, STS and roles."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from smartops import Clock
from smartops.backends import Query

pytestmark = pytest.mark.anyio

SHOP = "222222222222"
REGION = "eu-central-1"


async def test_what_was_put_into_cloudwatch_comes_back(
    client: Callable[..., Any], launched: Callable[..., str], found: Callable[..., list[Any]]
) -> None:
    linux, windows = launched("web-1"), launched("win-1")
    measured = {
        linux: [("mem_used_percent", 61.0, {}), ("disk_used_percent", 37.0, {"path": "/"})],
        windows: [
            ("Memory % Committed Bytes In Use", 52.0, {"objectname": "Memory"}),
            ("LogicalDisk % Free Space", 30.0, {"objectname": "LogicalDisk", "instance": "C:"}),
        ],
    }
    cloudwatch = client("cloudwatch")
    for id_, values in measured.items():
        own = {"Name": "InstanceId", "Value": id_}
        cpu = {"MetricName": "CPUUtilization", "Dimensions": [own], "Value": 12.0}
        cloudwatch.put_metric_data(Namespace="AWS/EC2", MetricData=[cpu])
        for name, value, more in values:
            extra = [{"Name": key, "Value": text} for key, text in more.items()]
            datum = {"MetricName": name, "Dimensions": [own, *extra], "Value": value}
            cloudwatch.put_metric_data(Namespace="CWAgent", MetricData=[datum])
    aws = found()[0]
    machines = (await aws.list(Query())).instances
    usages = await aws.latest(machines)
    told = {id_: (usage.cpu, usage.memory, usage.disk) for id_, usage in usages.items()}
    assert told == {linux: (12, 61, 37), windows: (12, 52, 70)}
    now = Clock().now()
    series = await aws.series(
        "memory", machines, since=now - timedelta(minutes=30), period=timedelta(minutes=5)
    )
    assert {id_: [item.value for item in own] for id_, own in series.items()} == {
        linux: [61],
        windows: [52],
    }
    assert all(timedelta(0) <= now - usage.at < timedelta(minutes=6) for usage in usages.values())


async def test_a_role_opens_the_account_that_it_is_of(
    client: Callable[..., Any],
    launched: Callable[..., str],
    found: Callable[..., list[Any]],
    plain: Any,
) -> None:
    launched("home-1")
    role = f"arn:aws:iam::{SHOP}:role/smartops"
    told = client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    there = plain.create_client(
        "ec2",
        region_name=REGION,
        aws_access_key_id=told["AccessKeyId"],
        aws_secret_access_key=told["SecretAccessKey"],
        aws_session_token=told["SessionToken"],
    )
    there.run_instances(ImageId="ami-1234abcd", MinCount=2, MaxCount=2)
    accounts = [
        {"name": "home", "account": "123456789012", "regions": [REGION], "costs": False},
        {"name": "shop", "role": role, "regions": [REGION], "costs": False},
    ]
    home, shop = found(accounts=accounts)
    assert (await home.list(Query())).counts == {"running": 1}
    assert (await shop.list(Query())).counts == {"running": 2}

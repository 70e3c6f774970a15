"""Faults and denials: what a client sees, and whether the operation was done."""

from __future__ import annotations

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

ERRORS = [
    ("throttle", "ec2", "RequestLimitExceeded", 503),
    ("throttle", "ssm", "ThrottlingException", 400),
    ("throttle", "cloudwatch", "Throttling", 400),
    ("throttle", "bedrock-runtime", "ThrottlingException", 429),
    ("unavailable", "ec2", "Unavailable", 503),
    ("expired", "ec2", "RequestExpired", 400),
    ("expired", "sts", "ExpiredToken", 403),
    ("denied", "ec2", "UnauthorizedOperation", 403),
    ("denied", "ce", "AccessDeniedException", 400),
    ("capacity", "ec2", "InsufficientInstanceCapacity", 500),
    ("quota", "ec2", "VcpuLimitExceeded", 400),
]
CALLS = {
    "ec2": lambda ec2: ec2.describe_instances(),
    "ssm": lambda ssm: ssm.list_commands(),
    "sts": lambda sts: sts.get_caller_identity(),
    "cloudwatch": lambda cloudwatch: cloudwatch.list_metrics(),
    "ce": lambda ce: ce.get_cost_and_usage(
        TimePeriod={"Start": "2026-09-01", "End": "2026-09-02"},
        Granularity="DAILY",
        Metrics=["UnblendedCost"],
    ),
    "bedrock-runtime": lambda bedrock: bedrock.converse(
        modelId="m", messages=[{"role": "user", "content": [{"text": "a"}]}]
    ),
}


@pytest.mark.parametrize(("kind", "service", "code", "status"), ERRORS)
def test_an_error_has_the_code_and_status_of_its_service(
    start, client, kind, service, code, status
):
    aws = start()
    aws.fault("*", kind, times=1, after=1)
    made = client(aws, service)
    CALLS[service](made)
    with pytest.raises(ClientError) as refused:
        CALLS[service](made)
    answer = refused.value.response
    assert answer["Error"]["Code"] == code
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
    assert aws.calls[-1].error.startswith(code)
    CALLS[service](made)


@pytest.mark.parametrize(
    ("kind", "error", "done"),
    [
        ("drop", ConnectionClosedError, False),
        ("reset", BotoCoreError, False),
        ("hang", ReadTimeoutError, False),
        ("lose", ConnectionClosedError, True),
        ("empty", ResponseParserError, True),
        ("html", None, True),
        ("malformed", ResponseParserError, True),
        ("cut", ResponseParserError, True),
    ],
)
def test_lost_and_broken_responses(start, client, clock, kind, error, done):
    aws = start({"name": "web-1"})
    web = aws.region().instance("web-1")
    aws.fault("ec2:Stop*", kind)
    ec2 = client(aws, "ec2", timeout=0.5 if kind == "hang" else 20)
    if error is None:
        assert "StoppingInstances" not in ec2.stop_instances(InstanceIds=[web.id])
    else:
        with pytest.raises(error):
            ec2.stop_instances(InstanceIds=[web.id])
    assert web.state(clock.time()) == ("stopping" if done else "running")
    aws.heal()
    ec2.stop_instances(InstanceIds=[web.id])


def test_a_fault_may_be_of_one_region_or_key(start, client):
    aws = start()
    aws.fault("*", "throttle", region="us-*")
    aws.fault("*", "expired", key="AKIA*")
    ec2 = client(aws, "ec2")
    ec2.describe_instances()
    with pytest.raises(ClientError, match="RequestExpired"):
        client(aws, "ec2", "AKIA1").describe_instances()


def test_a_denial_excepts_tagged_instances(start, client):
    tags = {"smartops": "managed"}
    aws = start({"name": "web-1", "tags": tags}, {"name": "db-1"})
    web, db = aws.region().instances
    aws.deny("ec2:Stop*", unless_tags=tags, because="scp")
    ec2 = client(aws, "ec2")
    ec2.describe_instances()
    ec2.stop_instances(InstanceIds=[web])
    with pytest.raises(ClientError) as refused:
        ec2.stop_instances(InstanceIds=[web, db], DryRun=True)
    message = refused.value.response["Error"]["Message"]
    assert f"instance/{db} with an explicit deny in a service control policy" in message
    assert "Encoded authorization failure message" in message
    aws.allow_all()
    ec2.stop_instances(InstanceIds=[db])

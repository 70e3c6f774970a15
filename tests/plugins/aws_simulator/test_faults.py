"""What goes wrong on the way, as real clients see it."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

pytestmark = pytest.mark.anyio

COST = {
    "TimePeriod": {"Start": "2027-01-01", "End": "2027-01-02"},
    "Granularity": "DAILY",
    "Metrics": ["UnblendedCost"],
}
TALK = {"modelId": "m", "messages": [{"role": "user", "content": [{"text": "hi"}]}]}


@pytest.mark.parametrize(
    ("service", "method", "given", "code", "status"),
    [
        ("ec2", "describe_instances", {}, "RequestLimitExceeded", 503),
        ("sts", "get_caller_identity", {}, "Throttling", 400),
        ("ssm", "list_commands", {}, "ThrottlingException", 400),
        ("cloudwatch", "list_metrics", {}, "Throttling", 400),
        ("ce", "get_cost_and_usage", COST, "LimitExceededException", 400),
        ("bedrock-runtime", "converse", TALK, "ThrottlingException", 429),
    ],
)
async def test_throttling_in_the_words_of_each_service(start, service, method, given, code, status):
    async with start(faults=[{"kind": "throttle", "times": 1}]) as place:
        client = place.client(service)
        found, _, answered = await client.refused(method, **given)
        assert (found, answered) == (code, status)
        await client(method, **given)


async def test_the_sdk_tries_again_what_was_throttled(start):
    fault = {"kind": "error", "code": "Unavailable", "status": 503, "times": 2}
    async with start(faults=[{"action": "ec2:Describe*", **fault}]) as place:
        answer = await place.client("ec2", attempts=3)("describe_instances")
        assert answer["ResponseMetadata"]["RetryAttempts"] == 2
        assert [call.error for call in place.simulator.calls] == ["Unavailable"] * 2 + [""]


async def test_a_fault_can_come_later_and_elsewhere(start):
    async with start() as place:
        place.simulator.fault("ec2:*", "error", after=1, times=1, region="us-*", code="Odd")
        here, there = place.client("ec2"), place.client("ec2", region="us-east-1")
        await here("describe_instances")
        await there("describe_instances")
        code, _, status = await there.refused("describe_instances")
        assert (code, status) == ("Odd", 500)
        await there("describe_instances")
        await here("describe_instances")


async def test_a_region_that_is_down(start):
    async with start() as place:
        place.world(region="eu-west-1").down = "refused"
        with pytest.raises(ConnectionClosedError):
            await place.client("ec2", region="eu-west-1")("describe_instances")
        assert place.simulator.calls[-1].error == "(dropped)"
        place.world(region="eu-west-1").down = "error"
        code, _, status = await place.client("ssm", region="eu-west-1").refused("list_commands")
        assert (code, status) == ("ServiceUnavailable", 503)
        await place.client("ec2")("describe_instances")
        place.simulator.heal()
        await place.client("ec2", region="eu-west-1")("describe_instances")


async def test_a_hanging_answer(start):
    async with start() as place:
        place.simulator.fault("ssm:*", "hang")
        quick = place.client("ssm", read_timeout=0.2)
        with pytest.raises(ReadTimeoutError):
            await quick("list_commands")


async def test_an_answer_that_gets_lost_was_done_all_the_same(start):
    async with start(instances=[{"name": "web-1"}]) as place:
        place.simulator.fault("ec2:StopInstances", "lose", times=1)
        web = place.world().instance("web-1")
        with pytest.raises(ConnectionClosedError):
            await place.client("ec2")("stop_instances", InstanceIds=[web.id])
        assert web.state(place.clock.time()) == "stopping"
        (call,) = place.simulator.calls.of("StopInstances")
        assert call.error == "(dropped)"


async def test_keys_expire_and_are_renewed(start):
    async with start() as place:
        ec2, other = place.client("ec2"), place.client("ssm", key="AKIAOTHER")
        place.simulator.expire("AKIA*")
        await ec2("describe_instances")
        code, _, _ = await other.refused("list_commands")
        assert code == "ExpiredTokenException"
        place.simulator.expire()
        code, _, _ = await ec2.refused("describe_instances")
        assert code == "RequestExpired"
        place.simulator.heal()
        await ec2("describe_instances")
        await other("list_commands")


async def test_a_slow_answer_waits_for_the_clock(start):
    async with start() as place:
        place.simulator.fault("ec2:*", "slow", delay="5s")
        done = anyio.Event()

        async def ask() -> None:
            await place.client("ec2")("describe_instances")
            done.set()

        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                group.start_soon(ask)
                while not place.clock.sleepers:
                    await anyio.lowlevel.checkpoint()
                assert not done.is_set()
                place.clock.advance(5)
                await done.wait()

"""Regions that hang, and how often AWS is called for many machines and many callers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import anyio
import pytest

import smartops_aws
import smartops_instances
from smartops import BackendUnavailable
from smartops.backends import Query, failures_of
from smartops.testing import Bot, BotReply, ManualClock
from smartops_aws.kit.breaker import COOL_DOWN, Breaker
from smartops_simulators.aws import AwsSimulator

pytestmark = pytest.mark.anyio

HOME = "111111111111"
REGION, OTHER, THIRD = "eu-central-1", "us-east-1", "us-west-2"
WEB = "i-0abc123def0000001"
SCENARIO: dict[str, Any] = {
    "accounts": {
        HOME: {
            "regions": {
                REGION: {
                    "instances": [{"name": "web-1", "id": WEB}],
                    "generate": [{"count": 60, "name": "batch-{n}"}],
                },
                OTHER: {"instances": [{"name": "far-1"}]},
                THIRD: {},
            }
        }
    }
}
ACCOUNTS = [{"name": "home", "account": HOME, "regions": [REGION, OTHER, THIRD]}]

SlowSay = Callable[..., Any]


@pytest.fixture
async def simulator(bot: Bot) -> AsyncIterator[AwsSimulator]:
    with AwsSimulator(SCENARIO, clock=bot.clock) as simulator:
        yield simulator


@pytest.fixture
async def loaded(bot: Bot, simulator: AwsSimulator) -> Bot:
    section = {"accounts": ACCOUNTS, "endpoint": simulator.url, "costs": {"enabled": False}}
    bot.load(smartops_aws, **section, runner={"raw_scripts": True, "poll": "50ms"})
    bot.load(smartops_instances, page_size=10, follow="0s")
    await bot.app()
    return bot


@pytest.fixture
def say(loaded: Bot, simulator: AwsSimulator) -> SlowSay:
    """Send a message, and let time pass once an operation was called; returns the seconds too."""

    async def speak(text: str, operation: str) -> tuple[BotReply, float]:
        began = loaded.clock.time()

        async def pass_time() -> None:
            while True:
                await anyio.sleep(0.005)
                if simulator.calls.of(operation):
                    loaded.clock.advance(0.01)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pass_time)
            answer = await loaded.say(text)
            tasks.cancel_scope.cancel()
        return answer, loaded.clock.time() - began

    return speak


def failed(answer: BotReply) -> list[tuple[str, str]]:
    return [(item["backend"], item["message"]) for item in answer.data.get("failures", ())]


async def test_a_hanging_region_is_waited_for_once_and_then_skipped_until_it_answers(
    loaded: Bot, simulator: AwsSimulator, say: SlowSay
) -> None:
    simulator.fault("ec2:*", "hang", region=OTHER)
    answer, seconds = await say("list instances --backend home/us-east-1", "DescribeInstances")
    assert answer.code == "BACKEND_UNAVAILABLE"
    assert 5 <= seconds < 6
    simulator.calls.clear()
    answer = await loaded.say("list instances --name web-1")  # no time passes
    assert [item["name"] for item in answer.data["instances"]] == ["web-1"]
    ((backend, message),) = failed(answer)
    assert backend == "home/us-east-1"
    assert "skipped" in message
    assert not simulator.calls.of("DescribeInstances", region=OTHER)

    loaded.clock.advance(COOL_DOWN)
    _, seconds = await say("list instances --name web-1", "DescribeInstances")
    assert 1 <= seconds < 2
    simulator.heal()
    loaded.clock.advance(COOL_DOWN)
    for name in ("far-1", "far-*"):
        assert not failed(await loaded.say(f"list instances --name '{name}'"))


async def test_a_service_that_hangs_beyond_the_callers_timeout_is_skipped_too(
    loaded: Bot, simulator: AwsSimulator, say: SlowSay
) -> None:
    simulator.fault("cloudwatch:*", "hang")
    answer, seconds = await say("list instances --name web-1", "ListMetrics")
    assert "Without measurements" in answer.text
    assert 4 < seconds < 6
    simulator.calls.clear()
    answer = await loaded.say("list instances --name web-?")
    assert "skipped" in answer.text
    assert not simulator.calls.of("ListMetrics")


async def test_an_id_that_was_found_is_not_searched_any_longer(
    simulator: AwsSimulator, say: SlowSay
) -> None:
    simulator.fault("ec2:*", "hang", region=OTHER)
    answer, seconds = await say(f"show {WEB}", "DescribeInstances")
    assert answer.data["name"] == "web-1"
    assert seconds < 3


async def test_many_names_are_looked_up_by_one_call_for_each_region(
    loaded: Bot, simulator: AwsSimulator
) -> None:
    names = ",".join(f"batch-{number}" for number in range(1, 21))
    asked = await loaded.say(f"stop {names}")
    assert asked.status == "pending", asked.text
    assert len(asked.data["plan"]["changes"]) == 20
    assert len(simulator.calls.of("DescribeInstances")) == 3 + 1  # and to check that they are there
    simulator.calls.clear()
    await loaded.press(asked.action("confirm"))
    assert len(simulator.calls.of("DescribeInstances")) == 3 + 1
    assert len(simulator.calls.of("StopInstances")) == 2  # one of them is a dry run


async def test_following_pages_do_not_read_the_regions_again(
    loaded: Bot, simulator: AwsSimulator
) -> None:
    page = await loaded.say("list instances")
    simulator.calls.clear()
    for _ in range(6):
        loaded.clock.advance(5)
        page = await loaded.press(page.action("command"))
    assert not simulator.calls.of("DescribeInstances")
    assert page.data["instances"][-1]["name"] == "web-1"  # after far-1 of the other region
    assert page.data["next"] is None


async def test_callers_at_the_same_time_share_the_measurements(
    loaded: Bot, simulator: AwsSimulator
) -> None:
    async with anyio.create_task_group() as tasks:
        for number in range(10):
            text = f"list instances --name {'web-*' if number % 2 else '*'}"
            tasks.start_soon(loaded.say, text)
    queries = [
        query["MetricStat"]["Metric"]
        for call in simulator.calls.of("GetMetricData")
        for query in call.params["MetricDataQueries"]
    ]
    asked = [tuple(item["Value"] for item in metric["Dimensions"]) for metric in queries]
    names = [(metric["MetricName"], *own) for metric, own in zip(queries, asked, strict=True)]
    assert len(names) == len(set(names))


async def test_one_refused_command_of_a_run_does_not_hide_the_results_of_the_others(
    loaded: Bot, simulator: AwsSimulator
) -> None:
    app = await loaded.app()
    aws: Any = app.composition.backends[0]
    machines = (await aws.list(Query(names=("batch-*",)))).instances
    run = await aws.send("uptime", machines, limit=timedelta(minutes=1), key="k")
    assert len(simulator.calls.of("SendCommand")) == 2
    refused = {"kind": "error", "code": "Teapot", "status": 400, "times": 1}
    simulator.fault("ssm:ListCommandInvocations", **refused)
    loaded.clock.advance(60)
    found = await aws.results(run)
    assert [item.backend for item in failures_of(found)] == ["home/eu-central-1"]
    assert len(found) in (10, 50)
    whole = await aws.results(run)
    assert (len(whole), failures_of(whole)) == (60, ())


async def test_every_command_of_a_run_is_cancelled_although_one_is_refused(
    loaded: Bot, simulator: AwsSimulator
) -> None:
    app = await loaded.app()
    aws: Any = app.composition.backends[0]
    machines = (await aws.list(Query(names=("batch-*",)))).instances
    run = await aws.send("sleep 60", machines, limit=timedelta(minutes=1), key="k")
    simulator.fault("ssm:CancelCommand", "error", code="Teapot", status=400, times=1)
    with pytest.raises(BackendUnavailable):
        await aws.cancel(run)
    assert len(simulator.calls.of("CancelCommand")) == 2


async def test_a_late_answer_lets_the_next_call_try_and_one_in_time_ends_the_skipping() -> None:
    breaker = Breaker(ManualClock(), 5.0)
    breaker.hangs("ec2")
    assert breaker.allowed("ec2") == 0
    breaker.answered("ec2", 7.0)
    assert breaker.allowed("ec2") == 1
    assert breaker.allowed("ec2") == 0
    breaker.answered("ec2", 3.0)
    assert breaker.allowed("ec2") == 5

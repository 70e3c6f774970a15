from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import smartops_alarms
from smartops_alarms import Alarm, Alarms

import smartops_aws
from smartops import BackendUnavailable
from smartops.testing import Bot
from smartops_simulators.aws import AwsSimulator

pytestmark = pytest.mark.anyio

ACCOUNT, EU, US = "111111111111", "eu-central-1", "us-east-1"


@pytest.fixture
def aws(bot: Bot) -> Iterator[AwsSimulator]:
    def describe(request: Any) -> dict[str, Any]:
        alarm = {"AlarmName": f"cpu-{request.region.name}", "StateReason": "CPU is above 90 %"}
        return {"MetricAlarms": [alarm]}

    scenario = {"accounts": {ACCOUNT: {"regions": {EU: {}, US: {}}}}}
    with AwsSimulator(scenario, clock=bot.clock) as simulator:
        simulator.handlers["DescribeAlarms"] = describe
        accounts = [{"name": "prod", "account": ACCOUNT, "regions": [EU, US]}]
        bot.load(smartops_aws, accounts=accounts, endpoint=simulator.url, costs={"enabled": False})
        yield simulator


class Sirens(Alarms):
    """The alarms of another package, which does not answer."""

    name = "sirens"

    async def ping(self) -> None:
        raise BackendUnavailable("The sirens are silent")

    async def ringing(self) -> Sequence[Alarm]:
        raise BackendUnavailable("The sirens are silent")


async def test_the_alarms_of_every_backend_are_listed(bot: Bot, aws: AwsSimulator) -> None:
    bot.load(smartops_alarms, cloudwatch=True, static=[{"name": "disk-full", "reason": "95 %"}])
    answer = await bot.say("list alarms")
    assert [tuple(item.values()) for item in answer.data["alarms"]] == [
        (f"cpu-{EU}", "CPU is above 90 %", f"prod/{EU}"),
        (f"cpu-{US}", "CPU is above 90 %", f"prod/{US}"),
        ("disk-full", "95 %", "static"),
    ]
    assert answer.data["failures"] == []


async def test_backends_that_do_not_answer_are_named(bot: Bot, aws: AwsSimulator) -> None:
    aws.deny("cloudwatch:DescribeAlarms", region=US)
    bot.load(smartops_alarms, cloudwatch=True)
    bot.add(Sirens())
    answer = await bot.say("list alarms")
    assert [item["where"] for item in answer.data["alarms"]] == [f"prod/{EU}"]
    assert "Without sirens: The sirens are silent" in answer.text
    assert f"Without prod/{US}/alarms: Insufficient permissions to list alarms" in answer.text
    checks = {check.name: check.ok for check in await (await bot.app()).readiness()}
    assert (checks["backend sirens"], checks[f"backend prod/{EU}/alarms"]) == (False, True)


async def test_one_backend_is_enough(bot: Bot) -> None:
    bot.load(smartops_alarms, static=[{"name": "disk-full"}])
    assert "disk-full" in (await bot.say("list alarms")).text

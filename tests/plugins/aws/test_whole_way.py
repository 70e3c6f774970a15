"""From a message to AWS and back, through the whole gate, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

import smartops_aws
import smartops_exec
import smartops_health
import smartops_instances
from smartops.testing import Bot, BotReply
from smartops_simulators.aws import AwsSimulator

pytestmark = pytest.mark.anyio

HOME, SHOP = "111111111111", "222222222222"
REGION, OTHER = "eu-central-1", "us-east-1"
SCENARIO: dict[str, Any] = {
    "accounts": {
        HOME: {
            "regions": {
                REGION: {
                    "instances": [
                        {"name": "web-1", "tags": {"Role": "web"}},
                        {"name": "lost-1", "agent": "lost"},
                        {"name": "db-1", "protected": True},
                        {
                            "name": "ill-1",
                            "state": "stopped",
                            "falls_back": "Client.InternalError: Client error on launch",
                        },
                    ]
                },
                OTHER: {"instances": [{"name": "far-1", "tags": {"Role": "web"}}]},
            }
        },
        SHOP: {
            "regions": {REGION: {"instances": [{"name": "shop-1", "tags": {"Role": "web"}}]}},
            "roles": {"smartops": {"external_id": "x-1"}},
        },
    },
    "incidents": [{"instance": "web-1", "metric": "cpu", "value": 97, "since": "40m"}],
}
ACCOUNTS = [
    {"name": "home", "account": HOME, "regions": [REGION, OTHER]},
    {
        "name": "shop",
        "role": f"arn:aws:iam::{SHOP}:role/smartops",
        "external_id": "x-1",
        "regions": [REGION],
    },
]

Say = Callable[..., Any]


@pytest.fixture
async def simulator(bot: Bot) -> AsyncIterator[AwsSimulator]:
    with AwsSimulator(SCENARIO, clock=bot.clock) as simulator:
        yield simulator


async def deploy(bot: Bot, simulator: AwsSimulator) -> None:
    bot.load(
        smartops_aws,
        accounts=ACCOUNTS,
        endpoint=simulator.url,
        runner={"raw_scripts": True},
        limits={"read": "500ms", "connect": "500ms"},
    )
    bot.load(smartops_instances)
    bot.load(smartops_health)
    bot.load(
        smartops_exec,
        scripts=[{"script": "hostname", "read_only": True}, {"script": "df -h"}],
    )
    await bot.app()


@pytest.fixture
async def there(bot: Bot, simulator: AwsSimulator) -> Bot:
    await deploy(bot, simulator)
    return bot


@pytest.fixture
def say(there: Bot) -> Say:
    """Confirm a message while the clock runs."""

    async def speak(text: str) -> BotReply:
        async with there.clock.running(0.05, 0.005):
            return await there.confirm(text)

    return speak


async def test_a_start_that_falls_back_is_reported_with_the_state_reason(
    there: Bot, say: Say
) -> None:
    answer = await say("start ill-1")
    assert answer.code == "BACKEND_UNAVAILABLE"
    assert "Client.InternalError: Client error on launch" in answer.text
    reason = (await there.say("show ill-1")).data["stateReason"]
    assert reason == "Client.InternalError: Client error on launch"


async def test_a_script_that_was_not_sent_is_failed_and_not_unknown(
    there: Bot, simulator: AwsSimulator
) -> None:
    answer = await there.confirm("execute 'df -h' on lost-1")
    assert answer.code == "SSM_UNAVAILABLE"
    simulator.fault("ssm:DescribeInstanceInformation", "html")
    answer = await there.confirm("execute 'df -h' on web-1")
    assert answer.code == "BACKEND_UNAVAILABLE"
    operations = (await there.say("operations")).data["operations"]
    assert [item["state"] for item in operations] == ["failed", "failed"]


async def test_a_script_whose_results_cannot_be_read_is_unknown(
    there: Bot, simulator: AwsSimulator, say: Say
) -> None:
    simulator.fault("ssm:ListCommandInvocations", "error", code="Teapot", status=400)
    answer = await say("execute 'df -h' on web-1")
    assert answer.code == "BACKEND_UNAVAILABLE"
    (operation,) = (await there.say("operations")).data["operations"]
    assert operation["state"] == "unknown"


async def test_instances_of_another_account_than_configured_are_neither_listed_nor_changed(
    bot: Bot,
) -> None:
    scenario = {**SCENARIO, "keys": {HOME: {"account": SHOP}}}
    wrong = f"belong to the AWS account {SHOP}, not to {HOME}"
    with AwsSimulator(scenario, clock=bot.clock) as simulator:
        await deploy(bot, simulator)
        data = (await bot.say("list instances")).data
        assert {item["backend"] for item in data["instances"]} == {f"shop/{REGION}"}
        assert {item["backend"]: item["code"] for item in data["failures"]} == {
            f"home/{REGION}": "BACKEND_UNAVAILABLE",
            f"home/{OTHER}": "BACKEND_UNAVAILABLE",
        }
        assert wrong in (await bot.say("list instances --backend 'home/*'")).text
        assert {call.caller for call in simulator.calls.of("DescribeInstances")} == {
            f"arn:aws:sts::{SHOP}:assumed-role/smartops/smartops"
        }
        (web, *_) = simulator.region(HOME, REGION).instances
        for text in (f"stop {web}", f"execute 'df -h' on {web}"):
            assert (await bot.say(text)).code == "BACKEND_UNAVAILABLE"
        assert not simulator.calls.of("StopInstances")
        assert not simulator.calls.of("SendCommand")
        reported = {check.name: check for check in await (await bot.app()).readiness()}
        assert reported[f"backend shop/{REGION}"].ok
        assert wrong in reported[f"backend home/{OTHER}"].text
        simulator.calls.clear()
        await bot.say("list instances --name a")
        assert not simulator.calls.of("GetCallerIdentity")  # it is checked once for each key


async def test_clients_are_ready_before_the_first_message_and_closed_after_the_last(
    there: Bot,
) -> None:
    app = await there.app()
    parts = [item for item in app.composition.backends if hasattr(item, "change")]
    assert len(parts) == 3
    assert all(part.region.sdk._clients for part in parts)
    await there.aclose()
    assert not any(part.region.sdk._clients for part in parts)

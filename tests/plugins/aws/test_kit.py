"""The kit, used by a plugin of a third party in every account and region."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import smartops_aws
from smartops import BackendUnavailable
from smartops.cli import main
from smartops.errors import StartupError
from smartops.testing import Bot
from smartops_aws.kit import Action, Region, action
from smartops_simulators.aws import AwsSimulator

pytestmark = pytest.mark.anyio

HOME, SHOP = "111111111111", "222222222222"
REGION, OTHER = "eu-central-1", "us-east-1"
SCENARIO: dict[str, Any] = {
    "accounts": {
        HOME: {"regions": {REGION: {}, OTHER: {}}},
        SHOP: {"regions": {REGION: {}}, "roles": {"smartops": {"accounts": [HOME]}}},
    }
}
ACCOUNTS = [
    {"name": "home", "account": HOME, "regions": [REGION, OTHER]},
    {"name": "shop", "role": f"arn:aws:iam::{SHOP}:role/smartops", "regions": [REGION]},
]


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Import the plugin; afterwards its action is not declared any more."""
    monkeypatch.setattr(action, "_declared", dict(action._declared))
    names = ("smartops_alarms.cloudwatch", "smartops_alarms.alarms", "smartops_alarms")
    for name in names:  # the action is declared anew
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield importlib.import_module("smartops_alarms")
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
def simulator(bot: Bot) -> Iterator[AwsSimulator]:
    def ringing(request: Any) -> dict[str, Any]:
        alarm = {"AlarmName": f"cpu-{request.region.account[0]}", "StateValue": "ALARM"}
        paged = request.params.get("NextToken")
        return {"MetricAlarms": [alarm]} if paged else {"MetricAlarms": [], "NextToken": "two"}

    with AwsSimulator(SCENARIO, clock=bot.clock) as simulator:
        simulator.handlers["DescribeAlarms"] = ringing
        yield simulator


@pytest.fixture
def loaded(bot: Bot, plugin: ModuleType, simulator: AwsSimulator) -> Bot:
    bot.load(plugin, cloudwatch=True)
    bot.load(smartops_aws, accounts=ACCOUNTS, endpoint=simulator.url, costs={"enabled": False})
    return bot


async def test_a_third_party_asks_every_account_and_region(
    loaded: Bot, simulator: AwsSimulator
) -> None:
    answer = await loaded.say("list alarms")
    rows = [line.split() for line in answer.text.splitlines()[-3:]]
    assert rows == [
        ["cpu-1", "home/eu-central-1"],
        ["cpu-1", "home/us-east-1"],
        ["cpu-2", "shop/eu-central-1"],
    ]
    callers = {call.caller for call in simulator.calls.of("DescribeAlarms", account=SHOP)}
    assert callers == {f"arn:aws:sts::{SHOP}:assumed-role/smartops/smartops"}


async def test_a_region_that_fails_is_named_and_the_others_are_shown(
    loaded: Bot, simulator: AwsSimulator
) -> None:
    simulator.deny("cloudwatch:DescribeAlarms", region=OTHER)
    answer = await loaded.say("list alarms")
    assert "Without home/us-east-1/alarms: Insufficient permissions to list alarms" in answer.text
    assert "home/eu-central-1" in answer.text
    simulator.deny("cloudwatch:DescribeAlarms")
    answer = await loaded.say("list alarms")
    assert answer.code == "PERMISSION_DENIED"
    assert "cloudwatch:DescribeAlarms" in answer.text


async def test_pages_that_do_not_end_are_refused(loaded: Bot, simulator: AwsSimulator) -> None:
    endless = {"MetricAlarms": [], "NextToken": "again"}
    simulator.handlers["DescribeAlarms"] = lambda _: endless
    answer = await loaded.say("list alarms")
    assert answer.code == "BACKEND_UNAVAILABLE"
    assert "EndlessPages" in answer.text
    assert len(simulator.calls.of("DescribeAlarms")) == 2 * 3


async def test_new_tokens_without_end_are_refused_too(
    loaded: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = await loaded.app()
    regions = (getattr(item, "region", None) for item in app.composition.backends)
    region: Region = next(filter(None, regions))
    numbers = iter(range(10_000))

    async def call(*_: object, **__: object) -> dict[str, str]:
        return {"NextToken": f"{next(numbers)}"}

    monkeypatch.setattr(region, "call", call)
    everything = Action("cloudwatch", "DescribeAlarms", "list alarms", feature="test")
    with pytest.raises(BackendUnavailable, match="no valid answer"):
        async for _ in region.pages(everything):
            pass
    assert 1000 < next(numbers) < 10_000


async def test_without_the_aws_plugin_it_does_not_start(bot: Bot, plugin: ModuleType) -> None:
    bot.load(plugin, cloudwatch=True)
    with pytest.raises(StartupError, match="the plugin aws is not loaded"):
        await bot.app()


@pytest.mark.parametrize("broken", [False, True])
def test_its_action_is_in_the_policy(
    plugin: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: bool
) -> None:
    config = tmp_path / "smartops.yaml"
    plugins = {
        "aws": {"accounts": ACCOUNTS},
        "smartops_alarms": {"cloudwatch": not broken} if broken is False else {"no": 1},
    }
    config.write_text(json.dumps({"plugins": plugins}))
    assert main(["aws", "policy", "shop", "--config", str(config)]) == 0
    reported = capsys.readouterr()
    assert "cloudwatch:DescribeAlarms" in reported.out
    assert ("may be missing" in reported.err) is broken


async def test_a_change_of_a_third_party_is_allowed_on_what_it_names(
    plugin: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    group = "arn:{partition}:autoscaling:{region}:{account}:autoScalingGroup:*"
    Action("autoscaling", "SetDesiredCapacity", "scale groups", kind="once", on=group)
    config = tmp_path / "smartops.yaml"
    config.write_text(json.dumps({"plugins": {"aws": {"accounts": ACCOUNTS}}}))
    assert main(["aws", "policy", "home", "--config", str(config)]) == 0
    statements = json.loads(capsys.readouterr().out)["Statement"]
    (found,) = [item for item in statements if "autoscaling:SetDesiredCapacity" in item["Action"]]
    assert found["Resource"] == [
        f"arn:aws:autoscaling:{region}:{HOME}:autoScalingGroup:*" for region in (REGION, OTHER)
    ]

"""The printed policy allows what is called, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from smartops import Clock, Costs, Metrics, Refusal, Runner
from smartops.backends import Query
from smartops.testing import ManualClock
from smartops_aws import actions
from smartops_aws.config import AwsConfig
from smartops_aws.kit import Action, action, role_policy, trust_policy
from smartops_aws.policy import account_policy
from smartops_simulators.aws import AwsSimulator

pytestmark = pytest.mark.anyio

HOME, SHOP = "111111111111", "222222222222"
ROLE = f"arn:aws:iam::{SHOP}:role/smartops"
REGION = "eu-central-1"
ACTIONS = [item for item in vars(actions).values() if isinstance(item, Action)]
BOT = role_policy("AssumeRoles", [ROLE])
SCENARIO: dict[str, Any] = {
    "accounts": {
        HOME: {},
        SHOP: {"regions": {REGION: {"instances": [{"name": "web-1"}, {"name": "web-2"}]}}},
    }
}
SHOP_ACCOUNT = {"name": "shop", "role": ROLE, "external_id": "x-1", "regions": [REGION]}
EVERYTHING: dict[str, Any] = {"accounts": [SHOP_ACCOUNT], "runner": {"raw_scripts": True}}


@pytest.fixture(autouse=True)
def only_actions_of_the_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the actions of other plugins that tests in this process have imported."""
    own = {key: item for key, item in action._declared.items() if item in ACTIONS}
    monkeypatch.setattr(action, "_declared", own)


def rights(*policies: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    for policy in policies:
        for statement in policy["Statement"]:
            assert statement["Effect"] == "Allow"
            action = statement["Action"]
            found.update([action] if isinstance(action, str) else action)
    return found


async def call_all(backends: list[Any], restarted: list[Any], clock: ManualClock) -> None:
    """Make every call of the enabled capabilities; ``restarted`` reads results of a run."""
    aws = backends[0]
    await aws.ping()
    machines = (await aws.list(Query())).instances
    await aws.conditions(machines)
    with suppress(Refusal):
        for verb in ("stop", "start", "reboot"):
            await aws.check(verb, machines[:1])
        await aws.change("reboot", machines[:1])
        await aws.change("stop", machines[:1])
        clock.advance(60)
        await aws.change("start", machines[:1])
        clock.advance(60)
    with suppress(Refusal):
        await aws.tag(machines[0], put={"a": "b"}, remove=("c",))
    if isinstance(aws, Runner):
        run = await aws.send("exit 1", machines, limit=timedelta(seconds=30), key="k")
        clock.advance(5)
        assert [item.exit_code for item in await restarted[0].results(run)] == [1, 1]
        run = await aws.send("uptime", machines, limit=timedelta(seconds=30), key="l")
        await aws.cancel(run)
    if isinstance(aws, Metrics):
        await aws.latest(machines)
        since = clock.now() - timedelta(hours=1)
        await aws.series("disk", machines, since=since, period=timedelta(minutes=5))
    for backend in backends:
        if isinstance(backend, Costs):
            await backend.daily(14)


@pytest.mark.parametrize(
    "section",
    [
        EVERYTHING,
        {**EVERYTHING, "changes": False},
        {**EVERYTHING, "tagging": False},
        {**EVERYTHING, "runner": {"enabled": False}},
        {**EVERYTHING, "metrics": {"enabled": False}},
        {**EVERYTHING, "costs": {"enabled": False}},
        {"accounts": [{**SHOP_ACCOUNT, "costs": False}], "runner": {"raw_scripts": True}},
    ],
    ids=["all", "no-changes", "no-tags", "no-scripts", "no-metrics", "no-costs", "no-bill"],
)
async def test_the_policy_allows_exactly_what_is_called(
    found: Callable[..., list[Any]], clock: ManualClock, section: dict[str, Any]
) -> None:
    with AwsSimulator(SCENARIO, clock=clock) as simulator:
        backends = found(clock, endpoint=simulator.url, **section)
        restarted = found(clock, endpoint=simulator.url, **section)
        called: set[str] = set()

        def note_call(model: Any, **_: object) -> None:
            called.add(f"{model.service_model.service_name}:{model.name}")

        for backend in (*backends, *restarted):
            backend.region.sdk.session.register("before-call", note_call)
        await call_all(backends, restarted, clock)
        config = AwsConfig.model_validate(section)
        allowed = rights(account_policy(config, config.accounts[0]), BOT)
        assert simulator.calls.actions == allowed
        assert called | {"sts:AssumeRole"} == allowed  # STS is called by a client made before


def test_every_action_that_can_be_called_is_in_the_policy_of_everything() -> None:
    config = AwsConfig.model_validate(EVERYTHING)
    allowed = rights(account_policy(config, config.accounts[0]), BOT)
    assert allowed == {"sts:AssumeRole", *(action.right for action in ACTIONS)}


def test_nothing_dangerous_and_no_wildcard_is_allowed() -> None:
    config = AwsConfig.model_validate(EVERYTHING)
    for right in rights(account_policy(config, config.accounts[0]), BOT):
        assert "*" not in right
        assert not right.startswith(("iam:", "ec2:Terminate", "ssm:StartSession"))


def statement(policy: dict[str, Any], right: str) -> Iterable[dict[str, Any]]:
    return [item for item in policy["Statement"] if right in item["Action"]]


def test_changes_are_bound_to_the_tag_and_to_the_account() -> None:
    config = AwsConfig.model_validate(EVERYTHING)
    policy = account_policy(config, config.accounts[0])
    instances = [f"arn:aws:ec2:{REGION}:{SHOP}:instance/*"]
    for right in ("ec2:StopInstances", "ec2:StartInstances", "ec2:RebootInstances"):
        (found,) = statement(policy, right)
        assert found["Resource"] == instances
        assert found["Condition"] == {"StringEquals": {"aws:ResourceTag/smartops": "managed"}}
    (tags,) = statement(policy, "ec2:CreateTags")
    assert tags["Condition"] == {
        "StringEquals": {"aws:ResourceTag/smartops": "managed"},
        "ForAllValues:StringNotEquals": {"aws:TagKeys": ["smartops"]},
        "Null": {"aws:TagKeys": "false"},
    }


def test_without_a_tag_every_instance_of_the_account_may_be_changed() -> None:
    config = AwsConfig.model_validate({**EVERYTHING, "managed_tag": ""})
    for item in account_policy(config, config.accounts[0])["Statement"]:
        assert "Condition" not in item


def test_sending_is_bound_to_the_documents_and_to_the_instances() -> None:
    section = {
        "accounts": [{**SHOP_ACCOUNT, "regions": [REGION, "eu-west-1"]}],
        "runner": {
            "documents": [
                {"name": "ops-restart", "script": "systemctl restart {unit}"},
                {"name": "AWS-ConfigureDocker", "script": "docker"},
                {"name": "arn:aws:ssm:eu-west-1:999999999999:document/shared", "script": "x"},
            ]
        },
    }
    config = AwsConfig.model_validate(section)
    documents, instances = statement(account_policy(config, config.accounts[0]), "ssm:SendCommand")
    assert documents["Resource"] == [
        f"arn:aws:ssm:{REGION}:{SHOP}:document/ops-restart",
        f"arn:aws:ssm:eu-west-1:{SHOP}:document/ops-restart",
        f"arn:aws:ssm:{REGION}::document/AWS-ConfigureDocker",
        "arn:aws:ssm:eu-west-1::document/AWS-ConfigureDocker",
        "arn:aws:ssm:eu-west-1:999999999999:document/shared",
    ]
    assert "Condition" not in documents
    assert instances["Resource"] == [
        f"arn:aws:ec2:{REGION}:{SHOP}:instance/*",
        f"arn:aws:ec2:eu-west-1:{SHOP}:instance/*",
    ]
    assert instances["Condition"] == {"StringEquals": {"ssm:resourceTag/smartops": "managed"}}


def test_in_safe_mode_without_documents_nothing_may_be_sent() -> None:
    config = AwsConfig.model_validate({"accounts": [SHOP_ACCOUNT]})
    assert "ssm:SendCommand" not in rights(account_policy(config, config.accounts[0]))


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-central-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
def test_arns_are_those_of_the_partition(region: str, partition: str) -> None:
    account = {"name": "a", "account": SHOP, "regions": [region]}
    config = AwsConfig.model_validate({"accounts": [account], "runner": {"raw_scripts": True}})
    policy = account_policy(config, config.accounts[0])
    arns = [arn for item in policy["Statement"] for arn in item["Resource"] if arn != "*"]
    assert arns
    assert all(arn.startswith(f"arn:{partition}:") for arn in arns)


def test_role_policy_and_trust_policy_fit_together() -> None:
    assert BOT["Statement"][0]["Resource"] == [ROLE]
    (trusted,) = trust_policy("x-1", f"arn:aws:iam::{HOME}:role/bot")["Statement"]
    assert trusted["Principal"] == {"AWS": f"arn:aws:iam::{HOME}:role/bot"}
    assert trusted["Condition"] == {"StringEquals": {"sts:ExternalId": "x-1"}}
    assert "Condition" not in trust_policy("", "x")["Statement"][0]


def test_making_backends_calls_nothing(found: Callable[..., list[Any]]) -> None:
    made = found(Clock(), **EVERYTHING)
    assert all(backend.region.sdk._clients == {} for backend in made)

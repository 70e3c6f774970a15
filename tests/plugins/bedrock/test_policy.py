"""``smartops bedrock policy``: it allows exactly what is called."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

import smartops_bedrock
from smartops.cli import main
from smartops.testing import Bot
from smartops_aws.kit import role_policy
from smartops_bedrock import BedrockConfig
from smartops_bedrock.policy import model_policy
from smartops_simulators.aws import AwsSimulator, says

ACCOUNT = "123456789012"
REGION = "eu-central-1"
NAME = "anthropic.claude-sonnet-4-5-20250929-v1:0"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/model"
PROFILE = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:inference-profile/eu.{NAME}"
SECTION: dict[str, Any] = {"model": f"eu.{NAME}", "region": REGION}
PREFIX = "arn:aws:bedrock"


def written(**section: Any) -> list[dict[str, Any]]:
    config = BedrockConfig(**{**SECTION, **section})
    statements: list[dict[str, Any]] = model_policy(config, ACCOUNT)["Statement"]
    assert all(item["Effect"] == "Allow" for item in statements)
    return statements


def rights(*statements: dict[str, Any]) -> set[str]:
    return {right for item in statements for right in item["Action"]}


def allowed(statements: list[dict[str, Any]], right: str, arn: str, by: str = "") -> bool:
    """Evaluate the statements like IAM, as far as these policies need it."""
    return any(
        fnmatchcase(arn, pattern)
        for item in statements
        if item.get("Condition", {"StringEquals": {"bedrock:InferenceProfileArn": by}})
        == {"StringEquals": {"bedrock:InferenceProfileArn": by}}
        and right in item["Action"]
        for pattern in item["Resource"]
    )


def model(region: str, name: str = NAME) -> str:
    return f"{PREFIX}:{region}::foundation-model/{name}"


@pytest.mark.anyio
@pytest.mark.parametrize("guardrail", [None, {"id": "gr1", "version": "1"}])
@pytest.mark.parametrize("role", [None, ROLE])
async def test_the_policy_allows_exactly_what_is_called(
    load: Callable[..., Bot],
    model: AwsSimulator,
    guardrail: dict[str, str] | None,
    role: str | None,
) -> None:
    model.brain = lambda _: says("All is well")
    section = {"guardrail": guardrail, "role": role}
    answer = await load(**section).say("is all well?")
    assert answer.text == "All is well"

    needed = set(model.calls.actions)
    if "guardrailConfig" in model.asked[0].body:
        needed.add("bedrock:ApplyGuardrail")
    bot = role_policy("", role)["Statement"] if role else []
    assert rights(*written(**section), *bot) == needed
    for item in bot:
        assert item["Resource"] == [ROLE]


def test_a_model_is_allowed_in_its_region() -> None:
    (statement,) = written(model="amazon.nova-pro-v1:0")
    assert statement["Resource"] == [model(REGION, "amazon.nova-pro-v1:0")]
    (statement,) = written(model="deepseek.v3.2")
    assert statement["Resource"] == [model(REGION, "deepseek.v3.2")]
    arn = model("us-west-2", "amazon.nova-pro-v1:0")
    (statement,) = written(model=arn)
    assert statement["Resource"] == [arn]


@pytest.mark.parametrize("named", [f"eu.{NAME}", PROFILE])
def test_a_profile_allows_its_model_in_its_geography_only(
    named: str,
) -> None:
    statements = written(model=named)
    assert allowed(statements, "bedrock:InvokeModel", PROFILE)
    for region in ("eu-central-1", "eu-north-1", "eu-south-2", "eu-west-3"):
        assert allowed(statements, "bedrock:InvokeModel", model(region), by=PROFILE)
        assert not allowed(statements, "bedrock:InvokeModel", model(region))
        other = model(region, "anthropic.claude-opus-4-1-20250805-v1:0")
        assert not allowed(statements, "bedrock:InvokeModel", other, by=PROFILE)
    for place in ("us-east-1", ""):
        assert not allowed(statements, "bedrock:InvokeModel", model(place), by=PROFILE)
    assert not allowed(statements, "bedrock:InvokeModel", PROFILE.replace("eu.", "global."))
    assert not allowed(statements, "bedrock:InvokeModel", PROFILE.replace(REGION, "eu-west-1"))


@pytest.mark.parametrize(
    ("geography", "region", "reached"),
    [
        ("us", "us-east-1", ["us-east-1", "us-east-2", "us-west-2"]),
        ("us", "ca-central-1", ["ca-central-1", "us-east-1", "us-west-2"]),
        ("apac", "ap-northeast-1", ["ap-northeast-3", "ap-south-1", "ap-southeast-2"]),
        ("apac", "me-central-1", ["me-central-1", "ap-south-1"]),
        ("jp", "ap-northeast-1", ["ap-northeast-1", "ap-northeast-3"]),
        ("au", "ap-southeast-2", ["ap-southeast-2", "ap-southeast-4"]),
        ("ca", "ca-central-1", ["ca-central-1", "ca-west-1"]),
        ("zz", "sa-east-1", ["sa-east-1", "mx-central-1"]),
        ("global", "eu-central-1", ["eu-central-1", ""]),
    ],
)
def test_the_regions_of_a_profile_are_allowed(
    geography: str, region: str, reached: list[str]
) -> None:
    statements = written(model=f"{geography}.{NAME}", region=region)
    profile = f"{PREFIX}:{region}:{ACCOUNT}:inference-profile/{geography}.{NAME}"
    assert allowed(statements, "bedrock:InvokeModel", profile)
    for place in reached:
        assert allowed(statements, "bedrock:InvokeModel", model(place), by=profile)
        assert not allowed(statements, "bedrock:InvokeModel", model(place))


def test_an_application_inference_profile_allows_any_model_through_it() -> None:
    own = f"{PREFIX}:{REGION}:{ACCOUNT}:application-inference-profile/abc123def456"
    statements = written(model=own)
    assert allowed(statements, "bedrock:InvokeModel", own)
    assert allowed(statements, "bedrock:InvokeModel", model("eu-west-3"), by=own)
    assert allowed(statements, "bedrock:InvokeModel", model(""), by=own)
    assert not allowed(statements, "bedrock:InvokeModel", model("eu-west-3"))


def test_the_arns_have_the_partition_of_the_region() -> None:
    statements = written(model=f"us-gov.{NAME}", region="us-gov-west-1")
    for item in statements:
        assert all(arn.startswith("arn:aws-us-gov:bedrock:us-gov-") for arn in item["Resource"])


def test_only_the_configured_guardrail_is_allowed() -> None:
    (guarded,) = [
        item
        for item in written(guardrail={"id": "gr1", "version": "1"})
        if rights(item) == {"bedrock:ApplyGuardrail"}
    ]
    assert guarded["Resource"] == [f"{PREFIX}:{REGION}:{ACCOUNT}:guardrail/gr1"]
    foreign = f"{PREFIX}:{REGION}:999999999999:guardrail/gr2"
    assert written(guardrail={"id": foreign, "version": "1"})[-1]["Resource"] == [foreign]


class CommandLine:
    """Runs the command line with a section and returns status, output and errors."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._file = folder / "smartops.yaml"
        self._capsys = capsys

    def __call__(self, *arguments: str, **section: Any) -> tuple[int, str, str]:
        self._file.write_text(json.dumps({"plugins": {"bedrock": {**SECTION, **section}}}))
        status = main(["bedrock", *arguments, "--config", str(self._file)])
        printed = self._capsys.readouterr()
        return status, printed.out, printed.err


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(tmp_path, capsys)


def test_the_account_is_required_if_the_configuration_has_none(run: CommandLine) -> None:
    status, out, err = run("policy")
    assert (status, out) == (2, "")
    assert "name it with --account NUMBER" in err
    for section in ({"role": ROLE}, {"model": PROFILE}):
        assert f":{ACCOUNT}:inference-profile/" in run("policy", **section)[1]
        status, _, err = run("policy", "--account", "111111111111", **section)
        assert status == 2
        assert f"another account, {ACCOUNT}" in err
    assert run("policy", model="amazon.nova-pro-v1:0")[0] == 0
    status, _, err = run("policy", "--account", "1234")
    assert status == 2
    assert "twelve digits" in err


def test_the_role_and_its_trust_policy(run: CommandLine) -> None:
    (statement,) = json.loads(run("policy", "--bot", role=ROLE)[1])["Statement"]
    assert (statement["Action"], statement["Resource"]) == (["sts:AssumeRole"], [ROLE])
    bot = f"arn:aws:iam::{ACCOUNT}:role/bot"
    asked = ("trust", "--principal", bot)
    (trusted,) = json.loads(run(*asked, role=ROLE, external_id="x-1")[1])["Statement"]
    assert trusted["Principal"] == {"AWS": bot}
    assert trusted["Condition"] == {"StringEquals": {"sts:ExternalId": "x-1"}}
    assert "Condition" not in json.loads(run(*asked, role=ROLE)[1])["Statement"][0]
    for arguments in (("policy", "--bot"), asked):
        status, _, err = run(*arguments)
        assert status == 2
        assert "plugins.bedrock has no role" in err
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/bot/i-0abc"
    status, _, err = run("trust", "--principal", session, role=ROLE)
    assert status == 2
    assert "one session of the role bot" in err


def test_the_policy_of_the_readme_is_the_printed_one(run: CommandLine) -> None:
    page = Path(smartops_bedrock.__file__).with_name("README.md").read_text()
    (documented,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    guardrail = {"id": "gr1234567890", "version": "1"}
    assert documented == run("policy", "--account", ACCOUNT, guardrail=guardrail)[1]

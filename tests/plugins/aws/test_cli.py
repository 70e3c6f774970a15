"""``smartops aws …`` prints policies and documents that can be used unchanged."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from smartops.cli import main

ROLE = "arn:aws:iam::222222222222:role/smartops"
ONE = """
plugins:
  aws:
    accounts: [{name: prod, account: "111111111111", regions: [eu-central-1]}]
"""
TWO = f"""
plugins:
  aws:
    accounts:
      - {{name: prod, account: "111111111111", regions: [eu-central-1]}}
      - {{name: shop, role: "{ROLE}", external_id: x-1, regions: [eu-west-1]}}
    runner:
      documents:
        - {{name: ops-df, script: df -h}}
        - {{name: ops-restart, script: "systemctl restart {{unit}}"}}
"""


class CommandLine:
    """Runs the command line and returns what it printed."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._file = folder / "smartops.yaml"
        self._capsys = capsys

    def __call__(self, text: str, *arguments: str) -> tuple[int, str, str]:
        self._file.write_text(dedent(text))
        status = main(["aws", *arguments, "--config", str(self._file)])
        reported = self._capsys.readouterr()
        return status, reported.out, reported.err

    def json(self, text: str, *arguments: str) -> Any:
        status, out, err = self(text, *arguments)
        assert (status, err) == (0, "")
        return json.loads(out)


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(tmp_path, capsys)


def test_the_policy_of_the_only_account_is_printed(cli: CommandLine) -> None:
    policy = cli.json(ONE, "policy")
    assert policy["Version"] == "2012-10-17"
    assert "ec2:DescribeInstances" in policy["Statement"][0]["Action"]


def test_with_several_accounts_one_must_be_named(cli: CommandLine) -> None:
    policy = cli.json(TWO, "policy", "shop")
    assert any(":222222222222:" in arn for arn in policy["Statement"][1]["Resource"])
    status, out, err = cli(TWO, "policy")
    assert (status, out) == (2, "")
    assert "there are several accounts; name one of prod, shop" in err
    status, _, err = cli(TWO, "policy", "shpo")
    assert status == 2
    assert "there is no account shpo" in err


def test_the_policy_of_the_bot_allows_its_roles(cli: CommandLine) -> None:
    (statement,) = cli.json(TWO, "policy", "--bot")["Statement"]
    assert statement["Action"] == ["sts:AssumeRole"]
    assert statement["Resource"] == [ROLE]
    status, _, err = cli(ONE, "policy", "--bot")
    assert status == 2
    assert "no account has a role" in err


def test_the_trust_policy_names_the_principal(cli: CommandLine) -> None:
    bot = "arn:aws:iam::111111111111:role/bot"
    (statement,) = cli.json(TWO, "trust", "shop", "--principal", bot)["Statement"]
    assert statement["Principal"] == {"AWS": bot}
    assert statement["Condition"]["StringEquals"]["sts:ExternalId"] == "x-1"
    status, _, err = cli(TWO, "trust", "prod", "--principal", bot)
    assert status == 2
    assert "the account prod has no role" in err


def test_a_session_is_refused_as_principal(cli: CommandLine) -> None:
    session = "arn:aws:sts::111111111111:assumed-role/bot/i-0abc"
    status, out, err = cli(TWO, "trust", "shop", "--principal", session)
    assert (status, out) == (2, "")
    assert "one session of the role bot" in err
    assert "aws iam get-role --role-name bot" in err
    status, _, err = cli(TWO, "trust", "shop", "--principal", "bot")
    assert status == 2
    assert "the ARN of a role or user" in err


def test_documents_are_listed_and_printed(cli: CommandLine) -> None:
    assert cli(TWO, "documents")[1] == "ops-df\nops-restart\n"
    document = cli.json(TWO, "documents", "ops-restart")
    assert list(document["parameters"]) == ["unit", "executionTimeout"]
    status, _, err = cli(TWO, "documents", "ops-rm")
    assert status == 2
    assert "plugins.aws.runner.documents has no ops-rm" in err


def test_a_missing_configuration_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SMARTOPS_CONFIG", raising=False)
    assert main(["aws", "policy"]) == 2
    assert "this needs a configuration" in capsys.readouterr().err


def test_an_invalid_section_is_reported_with_its_line(cli: CommandLine) -> None:
    status, _, err = cli(ONE.replace("111111111111", "1111"), "policy")
    assert status == 2
    assert "smartops.yaml:4:" in err
    assert "account" in err

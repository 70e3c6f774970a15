"""``smartops aws …``: what is printed can be used as it is."""

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


class Said:
    """Runs the command line and keeps what it printed."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._file = folder / "smartops.yaml"
        self._capsys = capsys

    def __call__(self, text: str, *arguments: str) -> tuple[int, str, str]:
        self._file.write_text(dedent(text))
        status = main(["aws", *arguments, "--config", str(self._file)])
        told = self._capsys.readouterr()
        return status, told.out, told.err

    def json(self, text: str, *arguments: str) -> Any:
        status, out, err = self(text, *arguments)
        assert (status, err) == (0, "")
        return json.loads(out)


@pytest.fixture
def said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Said:
    return Said(tmp_path, capsys)


def test_of_one_account_the_policy_is_printed(said: Said) -> None:
    policy = said.json(ONE, "policy")
    assert policy["Version"] == "2012-10-17"
    assert "ec2:DescribeInstances" in policy["Statement"][0]["Action"]


def test_of_several_one_is_named(said: Said) -> None:
    policy = said.json(TWO, "policy", "shop")
    assert any(":222222222222:" in arn for arn in policy["Statement"][1]["Resource"])
    status, out, err = said(TWO, "policy")
    assert (status, out) == (2, "")
    assert "there are several accounts; name one of prod, shop" in err
    status, _, err = said(TWO, "policy", "shpo")
    assert status == 2
    assert "there is no account shpo" in err


def test_the_bot_may_assume_the_roles(said: Said) -> None:
    (statement,) = said.json(TWO, "policy", "--bot")["Statement"]
    assert statement["Action"] == ["sts:AssumeRole"]
    assert statement["Resource"] == [ROLE]
    status, _, err = said(ONE, "policy", "--bot")
    assert status == 2
    assert "no account has a role" in err


def test_a_role_trusts_whom_it_is_told(said: Said) -> None:
    bot = "arn:aws:iam::111111111111:role/bot"
    (statement,) = said.json(TWO, "trust", "shop", "--principal", bot)["Statement"]
    assert statement["Principal"] == {"AWS": bot}
    assert statement["Condition"]["StringEquals"]["sts:ExternalId"] == "x-1"
    status, _, err = said(TWO, "trust", "prod", "--principal", bot)
    assert status == 2
    assert "the account prod has no role" in err


def test_a_role_cannot_trust_what_is_gone_tomorrow(said: Said) -> None:
    session = "arn:aws:sts::111111111111:assumed-role/bot/i-0abc"
    status, out, err = said(TWO, "trust", "shop", "--principal", session)
    assert (status, out) == (2, "")
    assert "one session of the role bot" in err
    assert "aws iam get-role --role-name bot" in err
    status, _, err = said(TWO, "trust", "shop", "--principal", "bot")
    assert status == 2
    assert "the ARN of a role or user" in err


def test_documents_are_listed_and_printed(said: Said) -> None:
    assert said(TWO, "documents")[1] == "ops-df\nops-restart\n"
    document = said.json(TWO, "documents", "ops-restart")
    assert list(document["parameters"]) == ["unit", "executionTimeout"]
    status, _, err = said(TWO, "documents", "ops-rm")
    assert status == 2
    assert "plugins.aws.runner.documents has no ops-rm" in err


def test_without_a_configuration_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SMARTOPS_CONFIG", raising=False)
    assert main(["aws", "policy"]) == 2
    assert "this needs a configuration" in capsys.readouterr().err


def test_what_is_wrong_with_the_section_is_a_line_with_its_place(said: Said) -> None:
    status, _, err = said(ONE.replace("111111111111", "1111"), "policy")
    assert status == 2
    assert "smartops.yaml:4:" in err
    assert "account" in err

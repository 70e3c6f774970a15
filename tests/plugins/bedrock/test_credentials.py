"""Whose credentials the model is asked with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from smartops.testing import Bot
from smartops_simulators.aws import AwsSimulator

pytestmark = pytest.mark.anyio

HOME, OTHER = "111111111111", "222222222222"
ROLE = f"arn:aws:iam::{OTHER}:role/models"
ACCOUNTS = {HOME: {}, OTHER: {"roles": {"models": {"external_id": "x-1", "accounts": [HOME]}}}}
QUESTION = "what is going on?"


@pytest.fixture
def scenario() -> dict[str, Any]:
    return {"accounts": ACCOUNTS}


async def test_a_role_in_another_account_is_assumed(
    load: Callable[..., Bot], model: AwsSimulator
) -> None:
    bot = load(role=ROLE, external_id="x-1")
    assert (await bot.say(QUESTION)).status == "success"
    (call,) = model.calls.of("Converse")
    assert (call.account, "assumed-role/models/" in call.caller) == (OTHER, True)


async def test_a_role_that_may_not_be_assumed_is_a_bedrock_error(
    load: Callable[..., Bot], model: AwsSimulator
) -> None:
    bot = load(role=ROLE, external_id="another")
    reply = await bot.say(QUESTION)
    assert reply.code == "BEDROCK_ERROR"
    assert "check plugins.bedrock.role, external_id and the role's trust policy" in reply.text
    assert not model.calls.of("Converse")


async def test_an_unknown_profile_is_a_bedrock_error(load: Callable[..., Bot]) -> None:
    reply = await load(profile="gone").say(QUESTION)
    assert reply.code == "BEDROCK_ERROR"
    assert "see plugins.bedrock.profile and role" in reply.text


@pytest.mark.parametrize(
    "scenario", [{"accounts": ACCOUNTS, "keys": {"look-alike": {"account": HOME, "expired": True}}}]
)
async def test_expired_credentials_are_a_bedrock_error(load: Callable[..., Bot]) -> None:
    reply = await load().say(QUESTION)
    assert (reply.code, "ExpiredTokenException" in reply.text) == ("BEDROCK_ERROR", True)

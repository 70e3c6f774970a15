"""The interpreter of configured phrases, through the whole gate."""

from __future__ import annotations

from typing import Any

import pytest

import smartops_fake
from smartops import Compute, Services, command, hookimpl
from smartops.backends import Query
from smartops.testing import Bot, ManualClock, offline_services
from smartops_fake.config import FakeConfig

pytestmark = pytest.mark.anyio

PHRASES = {"what is  running?": "count machines --state running", "How many": "count machines"}
FLEET = [{"name": "a"}, {"name": "b"}, {"name": "c", "state": "stopped"}]
FAILED = {"operation": "interpret", "code": "BEDROCK_ERROR", "times": 1}


@command("count machines")
async def count(compute: Compute, state: str = "") -> str:
    """Count the instances."""
    page = await compute.list(Query(states=(state,) if state else ()))
    return f"{len(page.instances)} machines"


class Counting:
    @hookimpl
    def register_commands(self) -> list[Any]:
        return [count]


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("what is running?", "2 machines"),
        ("  WHAT is running ", "2 machines"),
        ("how many!", "3 machines"),
    ],
)
async def test_phrases_match_in_any_case_and_spacing(bot: Bot, text: str, reply: str) -> None:
    bot.load(smartops_fake, fleet=FLEET, phrases=PHRASES)
    bot.load(Counting())
    assert reply in (await bot.say(text)).text
    assert (await bot.say("what is stopped?")).code == "VALIDATION_ERROR"


async def test_a_fault_makes_the_model_fail(bot: Bot) -> None:
    bot.load(smartops_fake, fleet=FLEET, phrases=PHRASES, faults=[FAILED])
    bot.load(Counting())
    failed = await bot.say("what is running?")
    assert (failed.status, failed.code) == ("error", "BEDROCK_ERROR")
    assert "2 machines" in (await bot.say("what is running?")).text


@pytest.mark.parametrize(
    ("section", "number"),
    [
        ({}, 0),
        ({"faults": [{"operation": "*", "code": "INTERNAL_ERROR"}]}, 0),
        ({"faults": [FAILED]}, 1),
    ],
)
def test_an_interpreter_needs_phrases_or_faults(section: dict[str, Any], number: int) -> None:
    services: Services = offline_services(ManualClock())
    config = FakeConfig.model_validate(section)
    assert len(list(smartops_fake.register_interpreters(config, services))) == number

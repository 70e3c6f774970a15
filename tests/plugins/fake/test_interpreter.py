"""The interpreter of configured phrases, alone and through the whole gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

import smartops_fake
from smartops import (
    Command,
    Compute,
    Costs,
    FreeText,
    Identity,
    Interpreter,
    Message,
    Metrics,
    Person,
    Place,
    Refusal,
    Reply,
    Runner,
    Services,
    command,
    hookimpl,
)
from smartops.backends import Query
from smartops.channels import HttpClient, Verifier
from smartops.testing import Bot, ManualClock
from smartops_fake.config import FakeConfig

pytestmark = pytest.mark.anyio

SENDER = Identity("local", "", "alice")
ALICE = Person("alice", frozenset({"operator"}), SENDER)
PHRASES = {"what is  running?": "count machines --state running", "Hello": "help"}


@pytest.fixture
def services(clock: ManualClock) -> Services:
    absent: Any = None
    http: HttpClient = absent
    verifier: Verifier = absent
    return Services(clock, http, verifier)


def interpreters(services: Services, **section: Any) -> list[Interpreter]:
    config = FakeConfig.model_validate(section)
    return list(smartops_fake.register_interpreters(config, services))


def message(text: str, clock: ManualClock) -> Message:
    return Message("1", "api", "c1", SENDER, Place("api"), clock.now(), "r1", text)


async def test_the_hook_registers_one_backend_with_all_capabilities(services: Services) -> None:
    assert smartops_fake.config_type() is FakeConfig
    (cloud,) = smartops_fake.register_backends(FakeConfig(instances=3), services)
    assert cloud.name == "fake"
    for capability in (Compute, Runner, Metrics, Costs):
        assert isinstance(cloud, capability)


class Asked(FreeText):
    """Free text without tools."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.person = ALICE
        self.commands = ()

    def schema(self, command: Command) -> dict[str, Any]:
        raise AssertionError(f"the schema of {command.name} is not needed")

    def text(self, command: Command, arguments: Mapping[str, Any]) -> str:
        raise AssertionError(f"the text of {command.name} is not needed")

    async def lately(self, limit: int = 5) -> Sequence[str]:
        return ()

    async def run(self, text: str) -> Reply:
        raise AssertionError(f"{text} must not run")


@pytest.mark.parametrize(
    ("text", "proposal"),
    [
        ("what is running?", "count machines --state running"),
        ("  WHAT is running ", "count machines --state running"),
        ("hello!", "help"),
        ("what is stopped?", None),
        ("", None),
    ],
)
async def test_phrases_match_in_any_case_and_spacing(
    services: Services, clock: ManualClock, text: str, proposal: str | None
) -> None:
    (interpreter,) = interpreters(services, phrases=PHRASES)
    assert await interpreter.interpret(Asked(message(text, clock))) == proposal


def test_without_phrases_and_faults_there_is_no_interpreter(services: Services) -> None:
    assert interpreters(services) == []
    assert interpreters(services, faults=[{"operation": "*", "code": "INTERNAL_ERROR"}]) == []


async def test_a_fault_makes_the_model_fail(services: Services, clock: ManualClock) -> None:
    fault = {"operation": "interpret", "code": "BEDROCK_ERROR", "times": 1}
    (interpreter,) = interpreters(services, faults=[fault])
    with pytest.raises(Refusal) as refused:
        await interpreter.interpret(Asked(message("anything", clock)))
    assert (refused.value.code, refused.value.status) == ("BEDROCK_ERROR", 502)
    assert await interpreter.interpret(Asked(message("anything", clock))) is None


@command("count machines")
async def count(compute: Compute, state: str = "") -> str:
    """Count the instances."""
    page = await compute.list(Query(states=(state,) if state else ()))
    return f"{len(page.instances)} machines"


class Counting:
    @hookimpl
    def register_commands(self) -> list[Any]:
        return [count]


async def test_free_text_goes_through_the_whole_gate(bot: Bot) -> None:
    fault = {"operation": "interpret", "code": "BEDROCK_ERROR", "times": 1}
    fleet = [{"name": "a"}, {"name": "b"}, {"name": "c", "state": "stopped"}]
    bot.load(smartops_fake, fleet=fleet, phrases=PHRASES, faults=[fault])
    bot.load(Counting())
    failed = await bot.say("what is running?")
    assert (failed.status, failed.code) == ("error", "BEDROCK_ERROR")
    assert "2 machines" in (await bot.say("what is running?")).text
    assert "3 machines" in (await bot.say("count machines")).text

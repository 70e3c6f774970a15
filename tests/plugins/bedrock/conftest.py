"""A SmartOps with a small cloud and a scripted language model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

import smartops_bedrock
import smartops_exec
import smartops_fake
import smartops_health
import smartops_instances
from smartops.testing import Bot, BotReply
from smartops_simulators.aws import AwsSimulator

MODEL = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"

FLEET: list[dict[str, Any]] = [
    {"name": "web-server-01", "id": "i-0abc123def", "cpu": 20, "tags": {"Role": "web"}},
    {"name": "web-server-02", "cpu": 70, "tags": {"Role": "web"}},
    {"name": "db-01", "cpu": 30, "tags": {"Role": "database"}},
]
SCRIPTS = [
    {"script": "df -h", "read_only": True},
    {"script": "cat /var/log/alarm", "read_only": True},
    {"script": "systemctl restart nginx"},
]


@pytest.fixture
def scenario() -> Any:
    """The scenario of the simulator; a file may override it."""
    return None


@pytest.fixture
def model(bot: Bot, scenario: Any) -> Iterator[AwsSimulator]:
    with AwsSimulator(scenario, clock=bot.clock) as service:
        yield service
    assert service.breaches == []


@pytest.fixture
def load(bot: Bot, model: AwsSimulator) -> Callable[..., Bot]:
    """Load the cloud and the model, with a section of configuration for each."""

    def load(fake: dict[str, Any] | None = None, **section: Any) -> Bot:
        bot.load(smartops_fake, **{"fleet": FLEET, **(fake or {})})
        bot.load(smartops_instances, follow="0s")
        bot.load(smartops_health)
        bot.load(smartops_exec, scripts=SCRIPTS)
        usual = {"model": MODEL, "region": "eu-central-1", "endpoint": model.url}
        bot.load(smartops_bedrock, **{**usual, **section})
        return bot

    return load


@pytest.fixture
def say(bot: Bot) -> Callable[..., Awaitable[BotReply]]:
    """Send a message while the clock runs, which scripts on machines need."""

    async def say(text: str, **more: str) -> BotReply:
        await bot.app()
        async with bot.clock.running():
            return await bot.say(text, **more)

    return say

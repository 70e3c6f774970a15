"""A fleet with guard rails; alice and bob are operators, lee also leads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import smartops_fake
import smartops_guardrails
import smartops_instances
from smartops.testing import Bot

SCOPES = {"production": {"tags": {"Environment": "production"}}, "all": {"commands": "*"}}
FLEET = [
    {"name": "web-1", "tags": {"Environment": "production", "Role": "web"}},
    {"name": "web-2", "tags": {"Environment": "production", "Role": "web"}},
    {"name": "test-1", "tags": {"Environment": "test"}},
]

Load = Callable[..., Bot]


def load(bot: Bot, **config: Any) -> Bot:
    bot.settings["roles"] = {"operator": {}, "lead": {"includes": ["operator"]}}
    bot.settings["people"] = {"lee": {"roles": ["lead"], "identities": ["bot:lee"]}}
    bot.load(smartops_fake, fleet=FLEET, state_file=str(bot.folder / "cloud.json"))
    bot.load(smartops_instances, follow="0s")
    section = {"scopes": SCOPES, "may_lift": ["lead"], **config}
    bot.load(smartops_guardrails, name="guardrails", **section)
    return bot


@pytest.fixture
def guarded(bot: Bot) -> Load:
    """Return a function that loads the plugins, the guard rails with the settings it is given."""
    return lambda **config: load(bot, **config)


@pytest.fixture
def replicas(bot: Bot, tmp_path: Path) -> Callable[..., tuple[Bot, Bot]]:
    """Return a function that loads two apps on one store and one clock."""

    def two(**config: Any) -> tuple[Bot, Bot]:
        other = Bot(bot.folder)
        other.clock = bot.clock
        return load(bot, **config), load(other, **config)

    return two

"""Slack's tests: a clock that advances when a task sleeps, and a simulated Slack."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import anyio.lowlevel
import pytest

from slack_payloads import APP_TOKEN, BOT_TOKEN, SECRET, TEAM, Signer, Slack
from smartops import Secret, Services
from smartops.http import AiohttpClient
from smartops.testing import ManualClock
from smartops_slack import SlackConfig


class QuickClock(ManualClock):
    """A clock for one task: a sleep returns at once and advances the time."""

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await anyio.lowlevel.checkpoint()


@pytest.fixture
def clock() -> QuickClock:
    return QuickClock()


@pytest.fixture
def signer(clock: QuickClock) -> Signer:
    return Signer(clock)


@pytest.fixture
def services(clock: QuickClock) -> Services:
    return Services(clock, AiohttpClient(), None)  # type: ignore[arg-type] # no bearer tokens


@pytest.fixture
def config() -> SlackConfig:
    return make_config()


@pytest.fixture
async def slack(services: Services) -> AsyncIterator[Slack]:
    async with Slack.start(clock=services.clock) as server, aclosing(services.http):  # type: ignore[type-var]
        yield server
    for call in server.called("chat.postMessage"):
        assert call.arguments["unfurl_links"] is call.arguments["unfurl_media"] is False


def make_config(**changes: Any) -> SlackConfig:
    usual = {
        "bot_token": Secret(BOT_TOKEN),
        "signing_secret": Secret(SECRET),
        "workspaces": [TEAM],
    }
    wanted = {name: value for name, value in {**usual, **changes}.items() if value is not None}
    return SlackConfig.model_validate(wanted)


@pytest.fixture
def configured() -> Any:
    return make_config


@pytest.fixture
def app_token() -> Secret:
    return Secret(APP_TOKEN)

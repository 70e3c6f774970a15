"""Slack's tests: a clock that moves by itself, and a channel wired to a small Slack."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio.lowlevel
import pytest

from slack_acts import APP_TOKEN, BOT_TOKEN, SECRET, TEAM, Signer, Slack
from smartops import Secret, Services
from smartops.http import AiohttpClient
from smartops.testing import ManualClock
from smartops_slack import SlackConfig


class QuickClock(ManualClock):
    """A clock for one task: whoever sleeps is there at once, and time with them."""

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await anyio.lowlevel.checkpoint()


class Nobody:
    """A verifier of tokens that must not be asked."""

    async def verify(self, authorization: Any, issuers: Any) -> Any:
        raise AssertionError("Slack has no bearer tokens")

    def peek_issuer(self, authorization: Any) -> str:
        raise AssertionError("Slack has no bearer tokens")


@pytest.fixture
def clock() -> QuickClock:
    return QuickClock()


@pytest.fixture
def signer(clock: QuickClock) -> Signer:
    return Signer(clock)


@pytest.fixture
def services(clock: QuickClock) -> Services:
    return Services(clock, AiohttpClient(), Nobody())


@pytest.fixture
def config() -> SlackConfig:
    return make_config()


@pytest.fixture
async def slack(clock: QuickClock) -> AsyncIterator[Slack]:
    async with Slack.start(clock=clock) as server:
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

"""The Slack channel passes the contract tests of channels."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import smartops_slack
from slack_driver import SlackDriver
from smartops import Secret
from smartops.testing import Bot, ChannelContract, ChannelDriver
from smartops_simulators.slack import SlackSimulator


class TestSlack(ChannelContract):
    @pytest.fixture
    async def driver(self, bot: Bot) -> AsyncIterator[ChannelDriver]:
        async with SlackSimulator.start(clock=bot.clock) as slack:
            settings = slack.settings()
            for name in ("bot_token", "signing_secret"):
                settings[name] = Secret(settings[name])
            bot.load(smartops_slack, name="slack", **settings)
            yield SlackDriver(slack)

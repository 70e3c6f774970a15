"""The Teams channel passes the contract tests of channels."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import smartops_teams
from smartops import Secret
from smartops.testing import Bot, ChannelContract, ChannelDriver
from smartops_simulators.teams import TeamsSimulator
from teams_driver import TeamsDriver


class TestTeams(ChannelContract):
    @pytest.fixture
    async def driver(self, bot: Bot) -> AsyncIterator[ChannelDriver]:
        async with TeamsSimulator.start(clock=bot.clock) as teams:
            settings = teams.settings(client_secret=Secret("simulated"))
            bot.load(smartops_teams, name="teams", **settings)
            yield TeamsDriver(teams)

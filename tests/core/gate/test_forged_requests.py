"""Requests, decisions and roles for a time that others wrote into the database, or put back."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from types import ModuleType
from typing import Any

import anyio
import pytest

from smartops import Plan, command, hookimpl
from smartops.testing import Bot

pytestmark = pytest.mark.anyio

PEOPLE = {
    "alice": {"roles": ["operator"], "identities": ["bot:alice"]},
    "bob": {"roles": ["lead"], "identities": ["bot:bob"]},
    "carol": {"roles": ["lead"], "identities": ["bot:carol"]},
}
RULES = [
    {"name": "leads", "for": {"commands": ["build"]}, "from": {"roles": ["lead"]}, "count": 2},
    {"name": "roles", "for": {"roles_requested": ["oncall"]}, "from": {"roles": ["lead"]}},
]


class Site:
    """A change that two leads approve, and its database."""

    def __init__(self, bot: Bot) -> None:
        self.bot = bot
        self.done: list[str] = []
        bot.settings["audit"] = {"key": bot.folder / "audit.pem"}
        bot.settings["people"] = PEOPLE
        bot.settings["roles"] = {"operator": {}, "lead": {}, "oncall": {}}
        bot.settings["rules"] = [{"name": "all", "allow": {"roles": ["operator", "lead"]}}]
        bot.settings["approvals"] = RULES
        module = ModuleType("sites")
        module.register_commands = hookimpl(lambda: [self._build()])  # type: ignore[attr-defined]
        bot.load(module)

    def _build(self) -> Any:
        @command("build", effect="change")
        async def build() -> str:
            """Build."""
            self.done.append("build")
            return "built"

        @build.plan
        async def plan() -> Plan:
            return Plan("Build")

        return build

    def sql(self, statement: str, *values: object) -> list[dict[str, object]]:
        with closing(sqlite3.connect(self.bot.folder / "bot.db")) as database, database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(statement, values).fetchall()]

    def insert(self, table: str, row: dict[str, object]) -> None:
        marks = ", ".join("?" * len(row))
        self.sql(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", *row.values())

    async def request(self, text: str = "build") -> str:
        return str((await self.bot.confirm(text)).data["approval"]["approval"])

    async def look(self) -> None:
        """Let the background work look at the requests several times."""
        await self.bot.say("help")
        for _ in range(15):
            self.bot.clock.advance(2)
            await anyio.sleep(0.01)


@pytest.fixture
async def site(bot: Bot) -> AsyncIterator[Site]:
    return Site(bot)


async def test_two_approvals_are_enough_and_one_is_not(site: Site) -> None:
    request = await site.request()
    await site.bot.say(f"approve {request}", user="bob")
    await site.look()
    assert site.done == []
    await site.bot.say(f"approve {request}", user="carol")
    assert site.done == ["build"]


@pytest.mark.parametrize("mac", ["", "copied"])
async def test_a_forged_decision_does_not_count(site: Site, mac: str) -> None:
    request = await site.request()
    await site.bot.say(f"approve {request}", user="bob")
    (row,) = site.sql("SELECT * FROM decisions")
    row |= {"person": "carol", "identity": "bot::carol"}
    site.insert("decisions", row if mac else row | {"mac": ""})
    site.sql("UPDATE approvals SET lease_until = 1")
    await site.look()
    assert site.done == []


@pytest.mark.parametrize(
    "change",
    ["state = 'requested', lease_until = 1", "state = 'requested', lease_until = 1, requested = 1"],
)
async def test_a_change_that_was_not_confirmed_is_not_executed(site: Site, change: str) -> None:
    await site.bot.say("build")
    site.sql(f"UPDATE approvals SET {change}")
    await site.look()
    assert site.done == []


@pytest.mark.parametrize("demands", ["", "[]"])
async def test_changed_demands_are_not_taken(site: Site, demands: str) -> None:
    request = await site.request()
    site.sql("UPDATE approvals SET demands = ?, lease_until = 1", demands)
    await site.look()
    await site.bot.say(f"approve {request}", user="bob")
    assert site.done == []


@pytest.mark.parametrize("ended", ["executed", "declined", "withdrawn"])
async def test_a_request_that_is_put_back_is_not_executed(site: Site, ended: str) -> None:
    request = await site.request()
    await site.bot.say(f"approve {request}", user="bob")
    if ended == "executed":
        await site.bot.say(f"approve {request}", user="carol")
    elif ended == "declined":
        await site.bot.say(f"deny {request} because no", user="carol")
    else:
        await site.bot.say(f"withdraw {request}")
    done = list(site.done)
    site.sql("UPDATE approvals SET state = 'requested', lease_until = 1")
    site.sql("DELETE FROM operations")
    site.sql("DELETE FROM messages")
    await site.look()
    await site.bot.say(f"approve {request}", user="carol")
    await site.look()
    assert site.done == done


async def test_a_role_that_ended_is_not_held_again(site: Site) -> None:
    request = await site.request("request role oncall for 2h because the disk is full")
    await site.bot.say(f"approve {request}", user="bob")
    assert "oncall" in (await site.bot.say("whoami")).text
    await site.bot.say("revoke role oncall from alice", user="bob")
    site.sql("UPDATE role_grants SET state = 'active'")
    await site.look()
    assert "oncall" not in (await site.bot.say("whoami")).text


@pytest.mark.parametrize("change", ["role = 'lead'", "person = 'carol'", "until = until + 1e6"])
async def test_a_forged_role_is_not_held(site: Site, change: str) -> None:
    request = await site.request("request role oncall for 2h because the disk is full")
    await site.bot.say(f"approve {request}", user="bob")
    site.sql(f"UPDATE role_grants SET {change}")
    await site.look()
    for user in ("alice", "carol"):
        assert "oncall" not in (await site.bot.say("whoami", user=user)).text
    assert "lead" not in (await site.bot.say("whoami")).text

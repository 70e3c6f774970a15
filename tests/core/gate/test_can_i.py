"""``can-i`` in a chat: whether one may run a command, without running or planning it."""

from __future__ import annotations

from types import ModuleType

import pytest

import smartops_fake
import smartops_instances
from smartops import Call, Change, Effect, PermissionDenied, Plan, command, hookimpl
from smartops.testing import Bot

pytestmark = pytest.mark.anyio

RULES = [
    {"name": "all-read", "allow": {"roles": ["operator", "viewer"], "effects": ["read"]}},
    {"name": "operators-change", "allow": {"roles": ["operator"]}},
    {"name": "no-databases", "deny": {"commands": ["stop"], "tags": {"Role": ["database"]}}},
]


@pytest.fixture
def bot(bot: Bot) -> Bot:
    bot.settings |= {
        "rules": RULES,
        "roles": {"operator": {}, "viewer": {}},
        "people": {"vic": {"roles": ["viewer"], "identities": ["bot:vic"]}},
    }
    fleet = [{"name": "web-1"}, {"name": "db-1", "tags": {"Role": "database"}}]
    bot.load(smartops_fake, fleet=fleet)
    bot.load(smartops_instances)
    return bot


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (
            "can-i stop web-1",
            {
                "allowed": True,
                "command": "stop web-1",
                "rule": "operators-change",
                "confirmation": True,
            },
        ),
        (
            "can i list instances --state stopped",
            {
                "allowed": True,
                "command": "list instances --state stopped",
                "rule": "all-read",
                "confirmation": False,
            },
        ),
        (
            "can-i whoami",
            {"allowed": True, "command": "whoami", "rule": "", "confirmation": False},
        ),
        (
            "can-i stop web-1,db-1",
            {
                "allowed": False,
                "command": "stop web-1,db-1",
                "rule": "no-databases",
                "reason": 'The rule "no-databases" denies this for db-1.',
            },
        ),
        (
            "can-i untag db-1 Role",
            {
                "allowed": False,
                "command": "untag db-1 Role",
                "rule": "",
                "reason": "Tag Role may not be changed from here; "
                'The rule "no-databases" uses it (plugins.instances.unprotected_tags)',
            },
        ),
    ],
)
async def test_can_i_names_the_rule_and_whether_a_confirmation_is_needed(
    bot: Bot, text: str, answer: dict[str, object]
) -> None:
    reply = await bot.say(text)
    assert (reply.status, reply.data) == ("success", answer)
    assert reply.text.startswith("Yes: " if answer["allowed"] else "No: ")


@pytest.mark.parametrize("text", ["stop web-1", "stop", "stop --force", "halt web-1"])
async def test_can_i_does_not_reveal_commands_that_help_does_not_list(bot: Bot, text: str) -> None:
    assert "stop" not in (await bot.say("help", user="vic")).text
    reply = await bot.say(f"can-i {text}", user="vic")
    assert reply.data == {
        "allowed": False,
        "command": text,
        "rule": "",
        "reason": "There is no such command that you may run here. See: help",
    }


@pytest.mark.parametrize(
    ("text", "code"),
    [("can-i stop nowhere", "INSTANCE_NOT_FOUND"), ("can-i stop", "VALIDATION_ERROR")],
)
async def test_can_i_reports_what_is_wrong_with_the_call(bot: Bot, text: str, code: str) -> None:
    assert (await bot.say(text)).code == code


async def test_can_i_plans_and_runs_nothing(bot: Bot) -> None:
    called: list[str] = []

    @command("deploy {where}", effect="change")
    async def deploy(where: str) -> str:
        """Deploy."""
        called.append("run")
        return where

    @deploy.plan
    async def plan(where: str) -> Plan:
        called.append("plan")
        return Plan("Deploy", (Change(where, where, "old", "new"),))

    async def guard(call: Call, effect: Effect, plan: Plan | None) -> None:
        called.append(f"guard {call.text} {effect} {plan}")
        if call.arguments["where"] == "production":
            raise PermissionDenied("Production is frozen")

    module = ModuleType("acme")
    module.register_commands = hookimpl(lambda: [deploy])  # type: ignore[attr-defined]
    module.register_guards = hookimpl(lambda: [guard])  # type: ignore[attr-defined]
    bot.load(module)
    assert (await bot.say("can-i deploy staging")).data["allowed"]
    assert called == ["guard deploy staging change None"]
    assert (await bot.say("can-i deploy production")).text == (
        "No: deploy production\n\nProduction is frozen"
    )
    assert (await bot.say("approvals")).data["approvals"] == []

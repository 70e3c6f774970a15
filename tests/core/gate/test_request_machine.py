"""No sequence of requests, decisions, role changes, crashes and clock moves cheats the rules.

An effect has the decisions that the rules demand at the moment it happens, and happens once.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from types import ModuleType
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from smartops import Call, Change, Plan, command, hookimpl
from smartops.reply import Action
from smartops.testing import Bot

COUNT = 2
HOUR = 3600
ACCOUNTS = {
    "alice": ("alice", "alice-2"),
    "bob": ("bob",),
    "carol": ("carol", "carol-2"),
    "dave": ("dave",),
}
OWNER = {account: name for name, accounts in ACCOUNTS.items() for account in accounts}


ACCOUNT = st.sampled_from(sorted(OWNER))


class Requests(RuleBasedStateMachine):
    """Alice requests deployments; two leads have to approve each."""

    requests = Bundle("requests")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.version = 0
        self.leads = {"alice", "bob", "carol"}
        self.approved: dict[str, set[str]] = {}
        self.closed: set[str] = set()
        self.expires: dict[str, float] = {}
        self.planned: dict[str, int] = {}
        self.effects: list[str] = []
        self.wrong: list[str] = []
        self.numbers = 0

    def run_(self, step: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(step)

    @initialize()
    def start(self) -> None:
        self.bot = self.run_(self._bot())

    async def _bot(self) -> Bot:
        bot = Bot(Path(self.folder.name))
        bot.settings |= {
            "guests": [],
            "roles": {"operator": {}, "lead": {}},
            "rules": [{"name": "all", "allow": {"roles": ["operator", "lead"]}}],
            "approvals": [
                {
                    "name": "two-leads",
                    "for": {"effects": ["change"]},
                    "from": {"roles": ["lead"]},
                    "count": COUNT,
                }
            ],
        }
        self._people(bot)

        @command("deploy {name}", effect="change")
        async def deploy(call: Call, name: str) -> str:
            """Deploy."""
            self._effect(name)
            return "deployed"

        @deploy.plan
        async def plan(name: str) -> Plan:
            return Plan(f"Deploy {name}", (Change(name, name, str(self.version), "new"),))

        module = ModuleType("acme")
        module.register_commands = hookimpl(lambda: [deploy])  # type: ignore[attr-defined]
        bot.load(module)
        self.clock = bot.clock
        return bot

    def _people(self, bot: Bot) -> None:
        bot.settings["people"] = {
            name: {
                "roles": ["operator", *(["lead"] if name in self.leads else [])],
                "identities": [f"bot:{account}" for account in accounts],
            }
            for name, accounts in ACCOUNTS.items()
        }

    def _effect(self, name: str) -> None:
        """Note what is wrong about an effect at the moment it happens."""
        approved = self.approved.get(name, set()) & self.leads
        if len(approved - {"alice"}) < COUNT:
            self.wrong.append(f"{name} was approved by {sorted(approved)}")
        if name in self.effects:
            self.wrong.append(f"{name} happened twice")
        if name in self.closed or self.planned.get(name) != self.version:
            self.wrong.append(f"{name} was over, or planned otherwise")
        self.effects.append(name)

    @rule(target=requests)
    def request(self) -> tuple[str, str]:
        self.numbers += 1
        name = f"app-{self.numbers}"
        self.planned[name] = self.version
        waiting = self.run_(self.bot.confirm(f"deploy {name}"))
        self.expires[name] = self.clock.time() + HOUR
        return name, waiting.data["approval"]["approval"]

    @rule(request=requests, account=ACCOUNT, times=st.sampled_from([1, 1, 2]))
    def approve(self, request: tuple[str, str], account: str, times: int) -> None:
        name, id_ = request
        person = OWNER[account]
        if person in self.leads and person != "alice" and self.clock.time() < self.expires[name]:
            self.approved.setdefault(name, set()).add(person)

        async def at_once() -> None:
            press = Action("confirm", "Approve", f"approve_{id_}")
            await asyncio.gather(*(self.bot.press(press, user=account) for _ in range(times)))

        self.run_(at_once())

    @rule(request=consumes(requests), account=ACCOUNT)
    def deny(self, request: tuple[str, str], account: str) -> None:
        name, id_ = request
        denied = self.run_(self.bot.say(f"deny {id_} because no", user=account))
        if denied.status == "success":
            self.closed.add(name)

    @rule(request=requests)
    def withdraw(self, request: tuple[str, str]) -> None:
        name, id_ = request
        if self.run_(self.bot.say(f"withdraw {id_}")).status == "success":
            self.closed.add(name)

    @rule(name=st.sampled_from(sorted(ACCOUNTS)))
    def change_role(self, name: str) -> None:
        self.leads ^= {name}
        self._people(self.bot)
        self.run_(self.bot.aclose())  # the next message starts it again

    @rule()
    def change_what_is_planned(self) -> None:
        self.version += 1

    @rule()
    def crash(self) -> None:
        self.run_(self.bot.restart())

    @rule(seconds=st.sampled_from([2, 60, HOUR]))
    def pass_time(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.run_(self.bot.say("help"))

    @invariant()
    def nothing_is_wrong(self) -> None:
        assert self.wrong == []

    def teardown(self) -> None:
        self.run_(self.bot.aclose())
        self.loop.close()
        self.folder.cleanup()


Requests.TestCase.settings = settings(
    max_examples=6,
    stateful_step_count=14,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestRequests = Requests.TestCase

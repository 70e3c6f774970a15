"""Changes that other people must approve: the request, its decisions, and what ends it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from types import ModuleType
from typing import Any

import anyio
import pytest

from smartops import Call, Change, Effect, PermissionDenied, Plan, command, hookimpl
from smartops.app.housekeeping import TICK
from smartops.guards import NeedsApproval
from smartops.store import AuditSearch
from smartops.testing import Bot

pytestmark = pytest.mark.anyio

RULE: dict[str, Any] = {
    "name": "production-needs-a-lead",
    "for": {"effects": ["change", "dangerous"], "arguments": {"where": "production"}},
    "from": {"roles": ["lead"]},
}
PEOPLE: Mapping[str, Any] = {
    "alice": {"roles": ["operator", "lead"], "identities": ["bot:alice", "bot:alice-2"]},
    "bob": {"roles": ["lead"], "identities": ["bot:bob"]},
    "carol": {"roles": ["lead"], "identities": ["bot:carol"]},
    "dave": {"roles": ["operator"], "identities": ["bot:dave"]},
}


@dataclass
class Site:
    """A command that deploys, a guard, and what was deployed."""

    bot: Bot
    done: list[str] = field(default_factory=list)
    version: str = "old"
    frozen: bool = False
    guarded: NeedsApproval | None = None
    seen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rule(**RULE)
        self.bot.settings["people"] = dict(PEOPLE)
        self.bot.settings["roles"] = {"operator": {}, "lead": {}, "oncall": {}}
        allow = {"roles": ["operator", "lead"]}
        self.bot.settings["rules"] = [{"name": "all", "allow": allow}]

    def rule(self, **rule: Any) -> None:
        self.bot.settings["approvals"] = [rule]

    def load(self) -> None:
        @command("deploy {where}", effect="change")
        async def deploy(where: str) -> str:
            """Deploy."""
            self.done.append(where)
            return "deployed"

        @deploy.plan
        async def plan(where: str) -> Plan:
            return Plan(f"Deploy to {where}", (Change(where, where, self.version, "new"),))

        async def guard(call: Call, effect: Effect, plan: Plan | None) -> NeedsApproval | None:
            if self.frozen and effect is not Effect.READ and not call.emergency:
                raise PermissionDenied("Changes are frozen", details="Until Monday")
            return self.guarded if effect is not Effect.READ else None

        module = ModuleType("acme")
        module.register_commands = hookimpl(lambda: [deploy])  # type: ignore[attr-defined]
        module.register_guards = hookimpl(lambda: [guard])  # type: ignore[attr-defined]
        self.bot.load(module)

    async def requested(self, text: str = "deploy production") -> str:
        """Request a change as alice, and return the id of the request."""
        waiting = await self.bot.confirm(text)
        assert waiting.status == "pending", waiting.text
        assert self.done == []
        return str(waiting.data["approval"]["approval"])

    async def until(self, wanted: Callable[[], object]) -> None:
        """Let time pass until a condition holds; ``seen`` are the kinds of audit events."""
        with anyio.fail_after(10):
            while not wanted():
                self.bot.clock.advance(TICK)
                await anyio.sleep(0.01)
                self.seen = await self.kinds()

    async def kinds(self) -> list[str]:
        store = (await self.bot.app()).store
        await store.flush()
        return [event.kind for event in await store.audit_events(AuditSearch(), 100, after=0)]


@pytest.fixture
def site(bot: Bot) -> Site:
    site = Site(bot)
    site.load()
    return site


async def test_a_change_runs_once_another_person_has_approved_it(site: Site) -> None:
    asked = await site.bot.say("deploy production")
    assert "needs the approval of others: 1 lead" in asked.text
    waiting = await site.bot.press(asked.action("confirm"))
    assert waiting.status == "pending"
    assert "0 of 1 lead" in waiting.text
    assert site.done == []
    done = await site.bot.press(waiting.action("confirm"), user="bob")
    assert (done.status, site.done) == ("success", ["production"]), done.text
    again = await site.bot.press(waiting.action("confirm"), user="carol")
    assert (again.code, site.done) == ("APPROVAL_INVALID", ["production"])


async def test_a_change_that_no_rule_is_about_runs_after_its_confirmation(site: Site) -> None:
    assert (await site.bot.confirm("deploy staging")).status == "success"
    assert site.done == ["staging"]


async def test_only_distinct_other_persons_of_the_role_count(site: Site) -> None:
    site.rule(**RULE | {"count": 2})
    request, bot = await site.requested(), site.bot
    for user in ("alice", "alice-2", "dave", "stranger"):
        refused = await bot.say(f"approve {request}", user=user)
        assert refused.code == "PERMISSION_DENIED", user
        assert refused.reply.private
    first = await bot.say(f"approve {request}", user="bob")
    assert "1 of 2 lead: bob" in first.text
    assert "1 of 2 lead: bob" in (await bot.say(f"approve {request}", user="bob")).text
    assert site.done == []
    assert (await bot.say(f"approve {request}", user="carol")).status == "success"
    assert site.done == ["production"]


async def test_a_person_who_lost_the_role_no_longer_counts(site: Site) -> None:
    site.rule(**RULE | {"count": 2})
    request, bot = await site.requested(), site.bot
    await bot.say(f"approve {request}", user="bob")
    await bot.aclose()
    bot.settings["people"]["bob"] = {**PEOPLE["bob"], "roles": ["operator"]}
    waiting = await bot.say(f"approve {request}", user="carol")
    assert "1 of 2 lead: carol" in waiting.text
    assert site.done == []


async def test_an_account_linked_to_the_requester_meanwhile_does_not_count(site: Site) -> None:
    site.rule(**RULE | {"count": 2})
    request, bot = await site.requested(), site.bot
    await bot.say(f"approve {request}", user="bob")
    await bot.aclose()
    own = [*PEOPLE["alice"]["identities"], "bot:bob"]
    bot.settings["people"] |= {
        "alice": {**PEOPLE["alice"], "identities": own},
        "bob": {"roles": ["lead"], "identities": []},
    }
    assert "1 of 2 lead: carol" in (await bot.say(f"approve {request}", user="carol")).text
    assert site.done == []


async def test_a_guest_approves_only_where_a_rule_names_the_identity(site: Site) -> None:
    site.bot.settings["guests"] = [{"provider": "bot", "roles": ["lead"]}]
    request = await site.requested()
    assert (await site.bot.say(f"approve {request}", user="erin")).code == "PERMISSION_DENIED"
    await site.bot.aclose()
    site.rule(**RULE | {"from": {"people": ["bot:erin"]}})
    other = await site.requested()
    assert (await site.bot.say(f"approve {other}", user="erin")).status == "success"
    assert site.done == ["production"]


@pytest.mark.parametrize("what", ["plan", "freeze", "right"])
async def test_what_has_changed_since_ends_an_approved_request(site: Site, what: str) -> None:
    request, bot = await site.requested(), site.bot
    if what == "plan":
        site.version = "newer"
    elif what == "freeze":
        site.frozen = True
    else:
        await bot.aclose()
        bot.settings["rules"] = [{"name": "leads", "allow": {"people": ["bob", "carol"]}}]
    codes = {
        "plan": "APPROVAL_INVALID",
        "freeze": "PERMISSION_DENIED",
        "right": "PERMISSION_DENIED",
    }
    refused = await bot.say(f"approve {request}", user="bob")
    assert refused.code == codes[what], refused.text
    site.version, site.frozen = "old", False
    assert (await bot.say(f"approve {request}", user="carol")).code == "APPROVAL_INVALID"
    assert site.done == []
    assert (await bot.say(f"approvals {request}")).data["approval"]["state"] == "cancelled"


async def test_a_denial_needs_a_reason_and_ends_the_request(site: Site) -> None:
    site.rule(**RULE | {"count": 2})
    request, bot = await site.requested(), site.bot
    await bot.say(f"approve {request}", user="bob")
    assert (await bot.say(f"deny {request}", user="carol")).code == "VALIDATION_ERROR"
    bot.asks = True
    why = await bot.say(f"deny_{request}", user="carol")
    assert why.form.command == f"deny {request}"
    assert (await bot.say(f"deny {request}", user="dave")).code == "PERMISSION_DENIED"
    denied = await bot.fill(why.form, user="carol", reason="the database is being moved")
    assert "carol denied it: the database is being moved" in denied.text
    assert (await bot.say(f"approve {request}", user="bob")).code == "APPROVAL_INVALID"
    assert site.done == []


async def test_a_request_is_withdrawn_by_its_person_alone(site: Site) -> None:
    request, bot = await site.requested(), site.bot
    assert (await bot.say(f"withdraw {request}", user="bob")).code == "VALIDATION_ERROR"
    assert "Withdrawn" in (await bot.say(f"withdraw {request}")).text
    assert (await bot.say(f"approve {request}", user="bob")).code == "APPROVAL_INVALID"
    assert site.done == []


async def test_a_request_expires(site: Site) -> None:
    site.rule(**RULE | {"within": timedelta(minutes=30)})
    request, bot = await site.requested(), site.bot
    bot.clock.advance(30 * 60)
    assert (await bot.say(f"approve {request}", user="bob")).code == "APPROVAL_INVALID"
    assert site.done == []
    await site.until(lambda: "expired" in site.seen)
    assert site.seen.count("expired") == 1


async def test_a_reason_is_asked_for_where_a_rule_requires_it(site: Site) -> None:
    site.rule(**RULE | {"reason": "required"})
    bot = site.bot
    asked = await bot.say("deploy production")
    assert (asked.status, asked.data["missing"]) == ("pending", ["reason"])
    assert "--reason" in asked.text
    bot.asks = True
    form = (await bot.say("deploy production")).form
    filled = await bot.fill(form, reason="the disk is full")
    assert "needs the approval of others" in filled.text
    waiting = await bot.press(filled.action("confirm"))
    assert "the disk is full" in waiting.text
    assert waiting.data["approval"]["reason"] == "the disk is full"
    typed = await bot.say('deploy production --reason "the disk is full"')
    assert typed.status == "pending"
    assert typed.action("confirm")


async def test_approvals_lists_what_waits_for_me_and_what_i_wait_for(site: Site) -> None:
    request, bot = await site.requested(), site.bot
    mine = (await bot.say("approvals")).data
    assert [item["approval"] for item in mine["waitingForOthers"]] == [request]
    card = await bot.say("approvals", user="bob")
    assert card.action("confirm").label == "Approve"
    assert card.data["approval"]["needed"][0]["approvedBy"] == []
    assert (await bot.say("approvals", user="dave")).text == "You have no pending confirmations."
    assert (await bot.say(f"approvals {request}", user="dave")).code == "VALIDATION_ERROR"
    done = await bot.press(card.action("confirm"), user="bob")
    polled = (await bot.say(f"approvals {request}")).data["approval"]
    assert (polled["state"], polled["operation"]) == ("approved", done.data["operation"])


async def test_an_emergency_skips_counts_and_freezes_but_no_denial(site: Site) -> None:
    bot = site.bot
    bot.settings["emergency"] = {"roles": ["oncall"]}
    bot.settings["people"]["alice"] = {**PEOPLE["alice"], "roles": ["operator", "oncall"]}
    bot.settings["rules"] = [
        *bot.settings["rules"],
        {"name": "never", "deny": {"arguments": {"where": ["vault"]}}},
    ]
    site.frozen = True
    assert (await bot.say("deploy production")).code == "PERMISSION_DENIED"
    refused = await bot.say('deploy production --emergency "it burns"', user="dave")
    assert "It needs the role oncall" in refused.text
    asked = await bot.say('deploy production --emergency "it burns"')
    assert "EMERGENCY: it burns" in asked.text
    assert (await bot.press(asked.action("confirm"))).status == "success"
    assert site.done == ["production"]
    denied = await bot.say('deploy vault --emergency "it burns"')
    assert denied.code == "PERMISSION_DENIED"
    assert (await site.kinds()).count("emergency") == 1


async def test_a_guard_can_demand_the_approval_of_others(site: Site) -> None:
    site.guarded = NeedsApproval(("lead",), "more than 2 machines at once", 2)
    bot = site.bot
    waiting = await bot.confirm("deploy staging")
    request = waiting.data["approval"]["approval"]
    assert "more than 2 machines at once:  0 of 2 lead" in waiting.text
    await bot.say(f"approve {request}", user="bob")
    assert (await bot.say(f"approve {request}", user="carol")).status == "success"
    assert site.done == ["staging"]


async def test_can_i_says_whose_approval_is_needed(site: Site) -> None:
    answer = await site.bot.say("can-i deploy production")
    assert "1 lead" in answer.text
    assert answer.data["approval"] == ["1 lead"]


async def test_each_decision_is_an_audit_event(site: Site) -> None:
    site.rule(**RULE | {"count": 2})
    request = await site.requested()
    await site.bot.say(f"approve {request}", user="bob")
    await site.bot.say(f"approve {request}", user="carol")
    kinds = await site.kinds()
    assert [kinds.count(kind) for kind in ("requested", "approved", "started")] == [1, 2, 1]
    store = (await site.bot.app()).store
    (started,) = await store.audit_events(AuditSearch(kind="started", approval=request), 10)
    assert started.person == "alice"


async def test_a_decision_whose_process_stopped_is_executed_by_another(site: Site) -> None:
    """The process stops after it has stored the decision and before it begins the operation."""
    request, bot = await site.requested(), site.bot
    store = (await bot.app()).store

    async def stuck(*arguments: Any, **options: Any) -> bool:
        await anyio.sleep_forever()
        return False

    store.accept = stuck  # type: ignore[method-assign]
    async with anyio.create_task_group() as group:
        group.start_soon(_killed, bot, f"approve {request}")
        await site.until(lambda: "approved" in site.seen)
        assert site.done == []
        await bot.restart()
    await site.until(lambda: site.done)
    assert site.done == ["production"]


async def _killed(bot: Bot, text: str) -> None:
    with pytest.raises(ConnectionResetError):
        await bot.say(text, user="bob")


async def test_a_role_is_given_for_a_time_and_revoked(site: Site) -> None:
    bot = site.bot
    site.bot.settings["approvals"] = [
        {"name": "roles", "for": {"roles_requested": ["oncall"]}, "from": {"roles": ["lead"]}}
    ]
    bot.settings["rules"] = [
        {"name": "oncall", "allow": {"roles": ["oncall"]}},
    ]
    assert (await bot.say("deploy staging", user="dave")).code == "PERMISSION_DENIED"
    other = await bot.say("request role lead for 2h because I want to", user="dave")
    assert "No rule says who approves it" in other.text
    waiting = await bot.confirm("request role oncall for 2h because it burns", user="dave")
    request = waiting.data["approval"]["approval"]
    assert (await bot.say(f"approve {request}", user="bob")).status == "success"
    me = await bot.say("whoami", user="dave")
    assert me.data["roles"] == ["oncall", "operator"]
    assert "oncall until" in me.text
    assert (await bot.confirm("deploy staging", user="dave")).status == "success"
    bot.clock.advance(2 * 3600)
    assert (await bot.say("whoami", user="dave")).data["roles"] == ["operator"]
    again = await bot.confirm("request role oncall for 2h because it burns again", user="dave")
    await bot.say(f"approve {again.data['approval']['approval']}", user="bob")
    assert (await bot.say("revoke role oncall from dave", user="erin")).status == "error"
    assert (await bot.say("revoke role oncall from dave", user="carol")).status == "success"
    assert (await bot.say("whoami", user="dave")).data["roles"] == ["operator"]
    kinds = await site.kinds()
    assert (kinds.count("role_given"), kinds.count("role_ended")) == (2, 2)


@pytest.mark.parametrize("forged", ["no mac", "copied", "state"])
async def test_a_forged_decision_has_no_effect(site: Site, forged: str) -> None:
    site.rule(**RULE | {"count": 2})
    bot = site.bot
    bot.settings["audit"] = {"key": bot.folder / "audit.pem"}
    first, second = await site.requested(), await site.requested()
    await bot.say(f"approve {first}", user="bob")
    with closing(sqlite3.connect(bot.folder / "bot.db")) as database, database:
        (row,) = database.execute("SELECT * FROM decisions").fetchall()
        names = [item[1] for item in database.execute("PRAGMA table_info(decisions)")]
        decision = dict(zip(names, row, strict=True)) | {"approval": second}
        if forged == "no mac":
            decision["mac"] = ""
        if forged == "state":
            database.execute("UPDATE approvals SET state = 'requested', lease_until = 1")
        marks = ", ".join("?" * len(names))
        database.execute(f"INSERT INTO decisions VALUES ({marks})", [decision[it] for it in names])
    waiting = await bot.say(f"approve {second}", user="carol")
    assert "1 of 2 lead: carol" in waiting.text
    bot.clock.advance(60)
    await bot.restart()
    assert site.done == []


async def test_a_denied_request_that_is_put_back_is_not_executed(site: Site) -> None:
    bot = site.bot
    bot.settings["audit"] = {"key": bot.folder / "audit.pem"}
    request = await site.requested()
    await bot.say(f"deny {request} because no", user="carol")
    with closing(sqlite3.connect(bot.folder / "bot.db")) as database, database:
        database.execute("UPDATE approvals SET state = 'requested'")
    assert (await bot.say(f"approve {request}", user="bob")).code == "APPROVAL_INVALID"
    assert site.done == []


async def test_help_says_whose_approval_a_command_may_need(site: Site) -> None:
    assert "may need the approval of others: 1 lead" in (await site.bot.say("help deploy")).text
    assert "approval of others" not in (await site.bot.say("help whoami")).text


async def test_a_denial_between_the_last_approval_and_the_effect_wins(site: Site) -> None:
    request, bot = await site.requested(), site.bot
    store = (await bot.app()).store
    accept = store.accept

    async def denied_before(*arguments: Any, **options: Any) -> bool:
        await bot.say(f"deny {request} because no", user="carol")
        return await accept(*arguments, **options)

    store.accept = denied_before  # type: ignore[method-assign]
    late = await bot.say(f"approve {request}", user="bob")
    assert (late.code, late.reply.private) == ("APPROVAL_INVALID", True)
    assert getattr(late.reply, "decided", "") == ""  # the messages still show the denial
    assert site.done == []

"""Guards of plugins: they refuse before a person is asked, and again before the effect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import anyio
import anyio.lowlevel
import pytest

import smartops_fake
import smartops_instances
from smartops import (
    BackendUnavailable,
    Call,
    Change,
    Effect,
    Guard,
    Instance,
    PermissionDenied,
    Plan,
    Refusal,
    Reply,
    StartupError,
    Work,
    command,
    hookimpl,
)
from smartops.backends import Annotation, Annotations
from smartops.guards import Conditions, NeedsApproval
from smartops.testing import Bot

pytestmark = pytest.mark.anyio


@dataclass
class Freeze:
    """A guard that refuses changes while it is on, and what guards were asked."""

    on: bool = False
    asked: list[tuple[str, Effect, Plan | None]] = field(default_factory=list)

    async def guard(self, call: Call, effect: Effect, plan: Plan | None) -> None:
        self.asked.append((call.text, effect, plan))
        if self.on and effect is not Effect.READ:
            raise PermissionDenied("Changes are frozen", details="Until Monday")


@dataclass
class Deployment:
    """Commands that change and read, and what they did."""

    bot: Bot
    done: list[str] = field(default_factory=list)
    stopped: bool = False

    def load(self, *guards: Guard) -> None:
        @command("deploy {where}", effect="change")
        async def deploy(where: str, work: Work) -> str:
            """Deploy."""

            async def note() -> None:
                self.done.append(where)

            await work.once("deploy", note)
            if self.stopped:
                await anyio.sleep_forever()
            return "deployed"

        @deploy.plan
        async def plan(where: str) -> Plan:
            return Plan(f"Deploy to {where}", (Change(where, where, "old", "new"),))

        @command("look")
        async def look() -> str:
            """Look."""
            self.done.append("look")
            return "looked"

        module = ModuleType("acme")
        module.register_commands = hookimpl(lambda: [deploy, look])  # type: ignore[attr-defined]
        module.register_guards = hookimpl(lambda: list(guards))  # type: ignore[attr-defined]
        self.bot.load(module)


@pytest.fixture
def deployment(bot: Bot) -> Deployment:
    return Deployment(bot)


async def test_a_guard_refuses_a_change_before_its_person_is_asked(deployment: Deployment) -> None:
    freeze, bot = Freeze(on=True), deployment.bot
    deployment.load(freeze.guard)
    refused = await bot.say("deploy staging")
    assert (refused.code, refused.text) == (
        "PERMISSION_DENIED",
        "Changes are frozen\n\nUntil Monday",
    )
    assert (await bot.say("approvals")).data["approvals"] == []
    ((text, effect, plan),) = freeze.asked
    assert (text, effect) == ("deploy staging", Effect.CHANGE)
    assert plan is not None
    assert plan.summary == "Deploy to staging"
    assert (await bot.say("look")).text == "looked"
    assert freeze.asked[-1] == ("look", Effect.READ, None)


async def test_a_guard_refuses_an_approved_change_before_its_effect(
    deployment: Deployment,
) -> None:
    freeze, bot = Freeze(), deployment.bot
    deployment.load(freeze.guard)
    asked = await bot.say("deploy staging")
    freeze.on = True
    assert (await bot.press(asked.action("confirm"))).code == "PERMISSION_DENIED"
    assert deployment.done == []
    freeze.on = False
    assert (await bot.press(asked.action("confirm"))).text == "deployed"


async def test_a_guard_refuses_to_resume_an_operation(deployment: Deployment) -> None:
    freeze, bot = Freeze(), deployment.bot
    deployment.load(freeze.guard)
    deployment.stopped = True
    asked = await bot.say("deploy staging")
    async with anyio.create_task_group() as group:
        group.start_soon(bot.press, asked.action("confirm"))
        while not deployment.done:
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    await bot.aclose()
    deployment.stopped, freeze.on = False, True
    bot.clock.advance(120)
    app = await bot.app()
    (operation,) = await app.store.operations()
    while operation.state == "running":
        await anyio.sleep(0.01)
        (operation,) = await app.store.operations()
    assert operation.state == "unknown"
    assert deployment.done == ["staging"]
    _text, effect, plan = freeze.asked[-1]
    assert effect is Effect.CHANGE
    assert plan is not None
    assert plan.summary == "Deploy to staging"


async def test_a_guard_of_a_command_gets_its_arguments(bot: Bot) -> None:
    @command("deploy {where}", effect="change")
    async def deploy(where: str) -> str:
        """Deploy."""
        return "deployed"

    @deploy.guard
    async def check(where: str) -> None:
        if where == "production":
            raise PermissionDenied("Production is frozen")
        if where == "nowhere":
            raise RuntimeError("oops")

    module = ModuleType("acme")
    module.register_commands = hookimpl(lambda: [deploy])  # type: ignore[attr-defined]
    bot.load(module)
    assert (await bot.say("deploy production")).text == "Production is frozen"
    assert (await bot.say("can-i deploy production")).data["allowed"] is False
    assert "did not let this pass" in (await bot.say("deploy nowhere")).text
    assert (await bot.confirm("deploy staging")).text == "deployed"


async def fails(call: Call, effect: Effect, plan: Plan | None) -> None:
    raise RuntimeError("the calendar cannot be read")


async def exits(call: Call, effect: Effect, plan: Plan | None) -> None:
    raise SystemExit(1)


async def returns_false(call: Call, effect: Effect, plan: Plan | None) -> Any:
    return False


@pytest.mark.parametrize("guard", [fails, exits, returns_false])
async def test_a_guard_that_fails_refuses(
    deployment: Deployment, guard: Guard, caplog: pytest.LogCaptureFixture
) -> None:
    deployment.load(guard)
    for text in ("deploy staging", "look"):
        refused = await deployment.bot.say(text)
        assert refused.code == "PERMISSION_DENIED"
        assert "The plugin acme did not let this pass" in refused.text
    assert "calendar" not in refused.text
    assert deployment.done == []
    assert "the guard of acme failed" in caplog.text
    assert (await deployment.bot.say("whoami")).status == "success"


async def test_a_guard_that_does_not_answer_refuses(deployment: Deployment) -> None:
    async def hangs(call: Call, effect: Effect, plan: Plan | None) -> None:
        await anyio.sleep_forever()

    deployment.load(hangs)
    replies = []

    async def look() -> None:
        replies.append(await deployment.bot.say("look"))

    await deployment.bot.app()
    async with anyio.create_task_group() as group:
        group.start_soon(look)
        while not replies:
            await anyio.sleep(0.01)
            deployment.bot.clock.advance(1)
    assert replies[0].code == "PERMISSION_DENIED"


async def test_help_marks_what_a_guard_refuses_at_present(deployment: Deployment) -> None:
    async def needs_arguments(call: Call, effect: Effect, plan: Plan | None) -> None:
        assert call.arguments["where"]

    freeze, bot = Freeze(on=True), deployment.bot
    deployment.load(needs_arguments, freeze.guard)
    listed = await bot.say("help")
    assert "Deploy. Refused at present: Changes are frozen." in listed.text
    assert "Look. Refused" not in listed.text
    assert "Refused at present: Changes are frozen." in (await bot.say("help deploy")).text
    freeze.on = False
    assert "Refused" not in (await bot.say("help")).text


Hook = Callable[[], Any]


@pytest.mark.parametrize(
    "hook", [lambda: [lambda call, effect, plan: None], lambda: Reply.of("no list of guards")]
)
async def test_hook_register_guards(bot: Bot, hook: Hook) -> None:
    """What is no guard is found at start."""
    module = ModuleType("acme")
    module.register_guards = hookimpl(hook)  # type: ignore[attr-defined]
    bot.load(module)
    with pytest.raises(StartupError, match="register_guards"):
        await bot.app()


class Notes(Annotations):
    """Says of one instance that it is in use, unless it fails."""

    name = "notes"
    failure: Refusal | None = None

    async def ping(self) -> None: ...

    async def annotations(self, instances: Sequence[Instance]) -> Sequence[Annotation]:
        if self.failure:
            raise self.failure
        return [Annotation(item.id, "in use") for item in instances if item.name == "web-1"]


async def test_plans_and_lists_show_what_plugins_say_about_instances(bot: Bot) -> None:
    notes, more = Notes(), Notes()
    more.name = "more"
    bot.load(smartops_fake, fleet=[{"name": "web-1"}, {"name": "web-2"}])
    bot.load(smartops_instances)
    bot.add(notes, more)
    asked = await bot.say("stop web-1,web-2")
    assert asked.data["plan"]["warnings"] == ("web-1 is in use",) * 2
    listed = await bot.say("list instances")
    assert "web-1 is in use" in listed.text
    assert listed.data["note"] == "; ".join(["web-1 is in use"] * 2)
    assert "web-1 is in use" in (await bot.say("show web-1")).text
    assert "in use" not in (await bot.say("show web-2")).text
    more.failure = notes.failure = BackendUnavailable("The notes cannot be read")
    assert (await bot.say("stop web-1")).code == "BACKEND_UNAVAILABLE"
    assert "Without notes of plugins: The notes" in (await bot.say("list instances")).text


@pytest.mark.parametrize(
    ("conditions", "met"),
    [
        ({"commands": "stop"}, True),
        ({"commands": "st*", "effects": "read"}, False),
        ({"tags": {"Role": "web"}}, True),
        ({"tags": {"Role": ["db", "w*"]}, "people": "nobody"}, False),
        ({"arguments": {"targets": "web-*"}}, True),
        ({"arguments": {"targets": "web-2"}}, False),
    ],
)
async def test_guards_can_have_the_conditions_of_rules(
    bot: Bot, conditions: dict[str, Any], met: bool
) -> None:
    wanted = Conditions.model_validate(conditions)
    calls: list[Call] = []

    async def guard(call: Call, effect: Effect, plan: Plan | None) -> None:
        calls.append(call)
        if wanted.met(call, effect):
            raise PermissionDenied("Not now")

    plugin = ModuleType("acme")
    plugin.register_guards = hookimpl(lambda: [guard])  # type: ignore[attr-defined]
    bot.load(smartops_fake, fleet=[{"name": "web-1", "tags": {"Role": "web"}}])
    bot.load(smartops_instances, name="instances")
    bot.load(plugin)
    reply = await bot.say("stop web-1")
    assert (reply.code == "PERMISSION_DENIED") is met
    assert calls[0].owner == "instances"


async def test_a_guard_that_needs_approval_refuses_a_read(deployment: Deployment) -> None:
    async def guard(call: Call, effect: Effect, plan: Plan | None) -> NeedsApproval | None:
        return NeedsApproval(("lead",), "nobody looks at this alone")

    deployment.load(guard)
    assert (await deployment.bot.say("look")).code == "PERMISSION_DENIED"
    assert deployment.done == []

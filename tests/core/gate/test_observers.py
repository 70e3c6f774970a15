"""Observers of plugins: notified of every decision, without delaying any message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from smartops import (
    BackendUnavailable,
    Change,
    DecisionEvent,
    Observer,
    Plan,
    StartupError,
    ValidationFailed,
    Work,
    command,
    hookimpl,
)
from smartops.app import observers
from smartops.testing import Bot

pytestmark = pytest.mark.anyio

CALL = ["received", "started", "finished"]


@dataclass
class Deployment:
    """Commands that change and read, and an observer that stores its events."""

    bot: Bot
    events: list[DecisionEvent] = field(default_factory=list)
    error: BaseException | None = None
    done: bool = False

    async def observe(self, event: DecisionEvent) -> None:
        self.events.append(event)

    def load(self, *more: Observer) -> None:
        @command("deploy {where}", effect="change")
        async def deploy(where: str, work: Work) -> str:
            """Deploy."""

            async def note() -> None:
                self.done = True

            if where == "slowly":
                await work.once("deploy", note)
                await anyio.sleep_forever()
            if self.error is not None:
                raise self.error
            return "deployed"

        @deploy.plan
        async def plan(where: str) -> Plan:
            return Plan(f"Deploy to {where}", (Change(where, where, "old", "new"),))

        @command("look")
        async def look() -> str:
            """Look."""
            if self.error is not None:
                raise self.error
            return "looked"

        module = ModuleType("acme")
        module.register_commands = hookimpl(lambda: [deploy, look])  # type: ignore[attr-defined]
        hook = hookimpl(lambda: [*more, self.observe])
        module.register_observers = hook  # type: ignore[attr-defined]
        self.bot.load(module)

    async def take(self) -> Sequence[DecisionEvent]:
        """Return the new events once the observer has got them all."""
        await anyio.wait_all_tasks_blocked()
        taken, self.events = self.events, []
        return taken

    async def kinds(self) -> list[str]:
        return [event.kind for event in await self.take()]


@pytest.fixture
def site(bot: Bot) -> Deployment:
    deny = {"name": "no-production", "deny": {"arguments": {"where": ["production"]}}}
    bot.settings["rules"] = [*bot.settings["rules"], deny]
    return Deployment(bot)


async def test_hook_register_observers(site: Deployment) -> None:
    """A change is observed from its request to its outcome."""
    site.load()
    question = await site.bot.say("deploy staging")
    received, asked = await site.take()
    assert (received.kind, received.text, received.call) == ("received", "deploy staging", None)
    assert (asked.kind, asked.command, asked.rule) == ("asked", "deploy", "operators")
    assert (asked.person.name, asked.place.channel) == ("bot:alice", "bot")
    assert asked.call is not None
    assert asked.call.arguments == {"where": "staging"}
    assert asked.request_id == received.request_id
    assert asked.at == site.bot.clock.now()

    done = await site.bot.press(question.action("confirm"))
    received, approved, started, finished = await site.take()
    assert (received.kind, received.text) == ("received", "confirm")  # and not its token
    assert [event.kind for event in (approved, started, finished)] == [
        "approved",
        "started",
        "finished",
    ]
    for event in (approved, started, finished):
        assert event.plan_digest == asked.plan_digest != ""
        assert event.operation == done.data["operation"]
        assert event.text == "deploy staging"
    assert finished.outcome == "success"


async def test_reads_and_the_core_commands_are_observed(site: Deployment) -> None:
    site.load()
    for text in ("look", "whoami"):
        await site.bot.say(text)
        events = await site.take()
        assert [event.kind for event in events] == CALL
        assert events[-1].command == text
        assert events[-1].plan_digest == ""


@pytest.mark.parametrize("how", ["button", "cancel", "no"])
async def test_a_cancelled_confirmation_is_observed(site: Deployment, how: str) -> None:
    site.load()
    question = await site.bot.say("deploy staging")
    asked = (await site.take())[-1]
    await (site.bot.press(question.action("cancel")) if how == "button" else site.bot.say(how))
    events = await site.take()
    kinds = [event.kind for event in events]
    assert kinds == (
        ["received", "cancelled", "finished"]
        if how == "button"
        else ["received", "started", "cancelled", "finished"]
    )
    (cancelled,) = [event for event in events if event.kind == "cancelled"]
    assert (cancelled.text, cancelled.plan_digest) == ("deploy staging", asked.plan_digest)


async def test_refusals_are_observed(site: Deployment) -> None:
    site.load()
    await site.bot.say("deploy production")
    denied = (await site.take())[-1]
    assert (denied.kind, denied.rule, denied.outcome) == (
        "denied",
        "no-production",
        "PERMISSION_DENIED",
    )
    await site.bot.say("frobnicate")
    refused = (await site.take())[-1]
    assert (refused.kind, refused.outcome) == ("refused", "VALIDATION_ERROR")


async def test_a_rate_limited_message_is_observed(site: Deployment) -> None:
    once = {"user": {"limit": 1, "window": "1m"}}
    site.bot.settings["limits"] = {**site.bot.settings["limits"], **once}
    site.load()
    await site.bot.say("look")
    await site.take()
    for _ in range(3):  # the refusal of a window is one decision
        await site.bot.say("look")
    assert [(event.kind, event.outcome) for event in await site.take()] == [
        ("refused", "RATE_LIMITED")
    ]


@pytest.mark.parametrize(
    ("error", "kind", "outcome"),
    [
        (ValidationFailed("no"), "finished", "VALIDATION_ERROR"),
        (RuntimeError("oops"), "unknown", "INTERNAL_ERROR"),
        (BackendUnavailable("away"), "unknown", "BACKEND_UNAVAILABLE"),
    ],
)
async def test_how_a_call_failed_is_observed(
    site: Deployment, error: BaseException, kind: str, outcome: str
) -> None:
    site.load()
    site.error = error
    await site.bot.say("look")
    end = (await site.take())[-1]
    assert (end.kind, end.outcome) == ("finished", outcome)
    await site.bot.confirm("deploy staging")
    end = (await site.take())[-1]
    assert (end.kind, end.outcome) == (kind, outcome)


async def test_an_unknown_outcome_and_a_resumed_operation_are_observed(site: Deployment) -> None:
    site.load()
    question = await site.bot.say("deploy slowly")
    async with anyio.create_task_group() as group:
        group.start_soon(site.bot.press, question.action("confirm"))
        while not site.done:
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    await site.bot.aclose()
    operation = site.events[-1].operation
    assert site.events[-1].kind == "started"
    site.events.clear()
    site.bot.clock.advance(120)
    await site.bot.app()
    while not site.events:
        await anyio.sleep(0.01)
    assert [(event.kind, event.operation) for event in site.events] == [("started", operation)]
    await site.bot.say(f"cancel {operation}")
    while len(site.events) < 5:
        await anyio.sleep(0.01)
    ends = [event for event in site.events if event.operation == operation]
    assert [(event.kind, event.outcome) for event in ends[1:]] == [("unknown", "cancelled")]


async def test_a_duplicate_has_no_events(site: Deployment) -> None:
    site.load()
    await site.bot.say("look", id="1")
    assert await site.kinds() == CALL
    assert (await site.bot.say("look", id="1")).text == "looked"
    assert await site.kinds() == []


async def test_a_failing_observer_is_logged_and_counted(
    site: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(event: DecisionEvent) -> None:
        raise SystemExit(event.kind)

    site.load(fails)
    assert (await site.bot.say("look")).text == "looked"
    assert await site.kinds() == CALL
    assert caplog.text.count("the observer of acme failed") == 3
    assert await counted(site, "failed") == 3
    assert await counted(site, "delivered") == 3


async def test_a_slow_observer_loses_events_only_beyond_the_bound(
    site: Deployment, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observers, "BOUND", 10)
    resumed, got = anyio.Event(), []

    async def slow(event: DecisionEvent) -> None:
        await resumed.wait()
        got.append(event)

    site.load(slow)
    for _ in range(5):
        assert (await site.bot.say("look")).text == "looked"
        await anyio.wait_all_tasks_blocked()
    assert await counted(site, "lost") == 4  # of 15: one is looked at, ten wait
    assert caplog.text.count("the observer of acme is too slow") == 1
    resumed.set()
    await anyio.wait_all_tasks_blocked()
    assert [event.kind for event in got] == [*(CALL * 3), "received", "started"]
    assert "the observer of acme lost 4 events" in caplog.text
    assert len(site.events) == 15


async def test_events_that_wait_are_delivered_at_shutdown(site: Deployment) -> None:
    got: list[str] = []

    async def slow(event: DecisionEvent) -> None:
        await anyio.sleep(0.01)
        got.append(event.kind)

    site.load(slow)
    await site.bot.say("look")
    await site.bot.aclose()
    assert got == CALL


async def test_a_wrong_observer_is_found_at_start(bot: Bot) -> None:
    module = ModuleType("acme")
    module.register_observers = hookimpl(lambda: [print])  # type: ignore[attr-defined]
    bot.load(module)
    with pytest.raises(StartupError, match="register_observers"):
        await bot.app()


async def counted(site: Deployment, result: str) -> Any:
    labels = {"plugin": "acme", "result": result}
    registry = (await site.bot.app()).telemetry.registry
    return registry.get_sample_value("smartops_observer_events_total", labels)

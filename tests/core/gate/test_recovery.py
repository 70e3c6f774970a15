"""Worst moments: a process stops, the store is away, another process takes over too early."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from datetime import timedelta
from types import ModuleType

import anyio
import pytest

from smartops import (
    BackendUnavailable,
    Command,
    FreeText,
    Identity,
    Instance,
    Interpreter,
    Message,
    Plan,
    Reply,
    Work,
    command,
    hookimpl,
)
from smartops.channels import Place
from smartops.middleware.duplicates import idempotency_key
from smartops.store import LEASE, Operation, Store
from smartops.testing import Bot
from smartops_fake.backend import Fake
from smartops_fake.config import FakeConfig

pytestmark = pytest.mark.anyio


class Builder:
    """Commands that change something, and a record of the steps they made."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.will_resume: list[bool] = []
        self.begun = anyio.Event()
        self.finish = anyio.Event()
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        self.planned: Callable[[], Awaitable[object]] | None = None
        self.failures: list[Exception] = []

    def build(self) -> Command:
        """Return the command that builds it, and continues where it was stopped."""

        @command("build", effect="change", deadline=timedelta(days=1))
        async def build(work: Work) -> str:
            """Build a road."""
            try:
                await work.once("dig", lambda: self._step("dig"))
                self.begun.set()
                await self.finish.wait()
                await work.once("pave", lambda: self._step("pave"))
            except asyncio.CancelledError:
                self.will_resume.append(work.will_resume)
                raise
            return "the road is built"

        @build.classify
        async def classify() -> str:
            if self.failures:
                raise self.failures.pop()
            return "change"

        return build

    async def _step(self, name: str) -> str:
        self.steps.append(name)
        return name

    def close(self) -> Command:
        """Return a command that changes something at once."""

        @command("close road", effect="change", deadline=timedelta(days=1))
        async def close() -> str:
            """Close the road."""
            self.steps.append("close")
            self.begun.set()
            if self.meanwhile is not None:
                await self.meanwhile()
            return "the road is closed"

        @close.plan
        async def plan() -> Plan:
            if self.planned is not None:
                await self.planned()
            return Plan("Close the road")

        return close


class Fanciful(Interpreter):
    """An interpreter that takes every text for one command."""

    name = "fanciful"

    async def interpret(self, question: FreeText) -> str:
        return "close road"


def load(bot: Bot, commands: Iterable[Command], *interpreters: Interpreter) -> Bot:
    """Load commands as a plugin."""
    module = ModuleType("roads")
    module.register_commands = hookimpl(lambda: list(commands))  # type: ignore[attr-defined] # made here
    module.register_interpreters = hookimpl(lambda: list(interpreters))  # type: ignore[attr-defined]
    bot.load(module)
    bot.settings["server"] = {"shutdown_timeout": "10ms"}
    return bot


@pytest.fixture
def builder() -> Builder:
    return Builder()


@asynccontextmanager
async def replica(of: Bot, commands: Iterable[Command], *more: Interpreter) -> AsyncIterator[Bot]:
    """Return another SmartOps, on the same store and clock."""
    other = Bot(of.folder)
    other.clock = of.clock
    load(other, commands, *more)
    await other.app()
    try:
        yield other
    finally:
        await other.aclose()


async def cut_off(bot: Bot, builder: Builder, text: str) -> None:
    """Begin a change, and stop the process that carries it out."""
    asked = await bot.say(text)
    pressing = asyncio.create_task(bot.press(asked.action("confirm")))
    await builder.begun.wait()
    pressing.cancel()
    await asyncio.wait([pressing])
    await bot.aclose()


async def ended(bot: Bot) -> Operation:
    """Return the only operation once it has ended."""
    store = (await bot.app()).store
    with anyio.fail_after(10):
        while (await store.operations())[0].state == "running":
            bot.clock.advance(1)
            await anyio.sleep(0.001)
    (operation,) = await store.operations()
    return operation


async def test_an_operation_of_a_removed_command_is_not_interpreted(
    bot: Bot, builder: Builder
) -> None:
    load(bot, [builder.build()])
    await cut_off(bot, builder, "build")
    async with replica(bot, [builder.close()], Fanciful()) as there:
        assert (await ended(there)).state == "unknown"
    assert builder.steps == ["dig"]


async def test_an_operation_that_cannot_resume_is_not_started_again(
    bot: Bot, builder: Builder
) -> None:
    load(bot, [builder.build()])
    await cut_off(bot, builder, "build")

    @command("build", effect="change")
    async def build() -> str:
        """Build a road at once."""
        builder.steps.append("built")
        return "the road is built"

    async with replica(bot, [build]) as there:
        assert (await ended(there)).state == "unknown"
    assert builder.steps == ["dig"]


@asynccontextmanager
async def store_away(bot: Bot) -> AsyncIterator[None]:
    """Keep the store locked, as another process might; what waits for it soon gives up."""
    with closing(sqlite3.connect(bot.folder / "bot.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("COMMIT")


async def test_a_finished_change_is_reported_while_the_store_is_away(
    bot: Bot, builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smartops.store.database._WAIT", 0.01)  # not ten seconds for a lock
    load(bot, [builder.close()])
    away = AsyncExitStack()
    builder.meanwhile = lambda: away.enter_async_context(store_away(bot))
    answer = await bot.confirm("close road")
    assert (answer.status, answer.text) == ("success", "the road is closed")
    await away.aclose()
    assert (await ended(bot)).state == "done"


async def test_an_operation_is_resumed_once_its_backend_is_back(bot: Bot, builder: Builder) -> None:
    load(bot, [builder.build()])
    await cut_off(bot, builder, "build")
    builder.finish.set()
    builder.failures = [BackendUnavailable("the cloud is away")]
    assert (await ended(bot)).state == "done"
    assert (builder.failures, builder.steps) == ([], ["dig", "pave"])


async def test_an_operation_taken_over_is_left_to_its_new_owner(bot: Bot, builder: Builder) -> None:
    """As when the store was away for longer than a lease, and another process came first."""
    load(bot, [builder.build()])
    asked = await bot.say("build")
    pressing = asyncio.create_task(bot.press(asked.action("confirm")))
    await builder.begun.wait()
    there = await Store.open(f"sqlite:///{bot.folder / 'bot.db'}", bot.clock)
    (operation,) = await there.orphans(bot.clock.time() + LEASE)
    builder.finish.set()
    with anyio.fail_after(10):
        while not builder.will_resume:
            await anyio.sleep(0.001)
    assert (builder.will_resume, builder.steps) == ([True], ["dig"])
    assert (await there.operation(operation.id)) == operation
    await there.finish(operation.id, "done", Reply.of("it was built elsewhere").dump())
    await there.aclose()
    await ended(bot)
    with anyio.fail_after(10):
        while not pressing.done():
            bot.clock.advance(1)
            await anyio.sleep(0.001)
    assert (await pressing).text == "it was built elsewhere"


async def test_a_duplicate_confirmation_during_planning_gets_the_outcome(
    bot: Bot, builder: Builder
) -> None:
    """A caller whose connection broke, who comes to another replica."""
    load(bot, [builder.close()])
    asked = await bot.say("close road")
    release = anyio.Event()
    planned: list[str] = []

    async def plan() -> None:
        planned.append("planned")
        await release.wait()

    builder.planned = plan
    confirm = asked.action("confirm")
    async with replica(bot, [builder.close()]) as there:
        requests = [asyncio.create_task(bot.press(confirm, id="again"))]
        while not planned:
            await anyio.sleep(0.001)
        requests += [asyncio.create_task(at.press(confirm, id="again")) for at in (bot, there)]
        for _ in range(20):
            bot.clock.advance(0.1)
            await anyio.sleep(0.001)
        release.set()
        with anyio.fail_after(20):
            while not all(request.done() for request in requests):
                bot.clock.advance(0.1)
                await anyio.sleep(0.001)
        assert [(await request).text for request in requests] == ["the road is closed"] * 3
    assert (planned, builder.steps) == (["planned"], ["close"])
    builder.planned = None
    assert (await bot.press(confirm, id="again")).text == "the road is closed"
    assert builder.steps == ["close"]


async def test_a_change_that_finished_before_its_cancellation_is_done(
    bot: Bot, builder: Builder
) -> None:
    load(bot, [builder.close()])
    app = await bot.app()

    async def cancelled_at_the_end() -> None:
        (operation,) = await app.store.operations()
        await app.store.request_cancel(operation.id)
        app._running.cancel(operation.id)

    builder.meanwhile = cancelled_at_the_end
    answer = await bot.confirm("close road")
    assert (answer.status, answer.text) == ("success", "the road is closed")
    assert (await ended(bot)).state == "done"


def showing_progress(builder: Builder, *, resumable: bool = False) -> Command:
    """Return a command that asks for ``work`` only to report progress."""

    @command("survey", effect="change", deadline=timedelta(days=1), resumable=resumable)
    async def survey(work: Work) -> str:
        """Survey the road."""
        builder.steps.append("survey")
        await work.progress("surveying")
        builder.begun.set()
        try:
            await builder.finish.wait()
        except asyncio.CancelledError:
            builder.will_resume.append(work.will_resume)
            raise
        return "surveyed"

    return survey


async def test_a_command_that_only_reports_progress_is_not_resumed(
    bot: Bot, builder: Builder
) -> None:
    load(bot, [showing_progress(builder)])
    await cut_off(bot, builder, "survey")
    builder.finish.set()
    operation = await ended(bot)
    assert (operation.state, builder.steps, builder.will_resume) == ("unknown", ["survey"], [False])


async def test_a_resumable_command_is_run_again(bot: Bot, builder: Builder) -> None:
    load(bot, [showing_progress(builder, resumable=True)])
    await cut_off(bot, builder, "survey")
    builder.finish.set()
    operation = await ended(bot)
    assert (operation.state, builder.steps, builder.will_resume) == (
        "done",
        ["survey", "survey"],
        [True],
    )


async def test_a_resumed_command_gets_the_plan_that_was_approved(
    bot: Bot, builder: Builder
) -> None:
    @command("map", effect="change", resumable=True)
    async def survey(work: Work, plan: Plan) -> str:
        """Map the road."""
        builder.steps.append(plan.summary)
        builder.begun.set()
        await builder.finish.wait()
        return "mapped"

    @survey.plan
    async def plan() -> Plan:
        return Plan(f"Map it {len(builder.steps)}")

    load(bot, [survey])
    await cut_off(bot, builder, "map")
    builder.finish.set()
    assert (await ended(bot)).state == "done"
    assert builder.steps == ["Map it 0", "Map it 0"]


async def test_an_approval_runs_the_approved_call_after_an_upgrade(
    bot: Bot, builder: Builder
) -> None:
    """The text no longer means the call: a phrase has changed, and another command has it."""

    def paint(*phrases: str) -> Command:
        @command(*phrases, effect="change")
        async def paint(what: str, layers: int = 1) -> str:
            """Paint something."""
            return f"painted {what} {layers} times"

        return paint

    @command("paint road")
    async def other() -> str:
        """Do something else."""
        return "something else"

    load(bot, [paint("paint {what}")])
    asked = await bot.say("paint road --layers 2")
    await bot.aclose()
    async with replica(bot, [paint("paint {what} now"), other]) as there:
        assert (await there.say("paint road")).text == "something else"
        done = await there.press(asked.action("confirm"))
    assert done.text == "painted road 2 times"


async def test_a_resumed_change_has_its_original_targets(bot: Bot, builder: Builder) -> None:
    @command("mark {targets}", effect="change", resumable=True)
    async def mark(work: Work, targets: list[Instance]) -> str:
        """Mark machines."""
        builder.steps.append(",".join(item.id for item in targets))
        builder.begun.set()
        await builder.finish.wait()
        return "marked"

    def cloud(*ids: str) -> ModuleType:
        fleet = [{"id": one, "name": one, "tags": {"Role": "web"}} for one in ids]
        module = ModuleType("cloud")
        made = Fake.of(FakeConfig.model_validate({"fleet": fleet}), bot.clock)
        module.register_backends = hookimpl(lambda: [made])  # type: ignore[attr-defined]
        return module

    load(bot, [mark]).load(cloud("i-1", "i-2"))
    await cut_off(bot, builder, "mark tag:Role=web")
    builder.finish.set()
    other = Bot(bot.folder)
    other.clock = bot.clock
    load(other, [mark]).load(cloud("i-1", "i-2", "i-3"))
    assert (await ended(other)).state == "done"
    await other.aclose()
    assert builder.steps == ["i-1,i-2", "i-1,i-2"]


async def history(bot: Bot) -> list[tuple[str, str, str, str, str]]:
    found = await (await bot.app()).store.history("bot:alice", 10)
    return [(item.person, item.text, item.outcome, item.identity, item.place) for item in found]


async def test_an_unknown_outcome_has_one_audit_event_and_duplicates_get_it(
    bot: Bot, builder: Builder
) -> None:
    """As after a kill: the operation and the claim are in the store, and nothing else."""
    load(bot, [builder.close()])
    asked = await bot.say("close road")
    pressed = asked.action("confirm").value
    message = Message(
        id="press",
        channel="bot",
        conversation="with-alice",
        sender=Identity("bot", "", "alice"),
        place=Place("bot"),
        at=bot.clock.now(),
        request_id="killed",
        action=pressed,
    )
    store = (await bot.app()).store
    approval = await store.approval_behind(pressed.partition("_")[2])
    assert approval is not None
    await store.claim(idempotency_key(message))
    begun = Operation(
        id="op-0123456789ab",
        person="bot:alice",
        command_text="close road",
        plan="",
        approval_id="",
        channel="bot",
        conversation="with-alice",
        message=message.dump().decode(),
        owner="killed",
        started=bot.clock.time(),
        idempotency_key=idempotency_key(message),
        command="close road",
    )
    assert await store.accept(approval.id, begun)
    assert (await ended(bot)).state == "unknown"
    with anyio.fail_after(10):
        while len(await history(bot)) < 2:
            await anyio.sleep(0.001)
    again = await bot.press(asked.action("confirm"), id="press")
    assert (again.status, again.code) == ("error", "TIMEOUT")
    assert "Outcome unknown: close road" in again.text
    assert "Check the target's state" in again.text
    unknown = ("bot:alice", "close road", "unknown", "bot:alice", "bot")
    assert (await history(bot))[0] == unknown
    records = await store.history("bot:alice", 3)
    assert [item.command for item in records] == ["close road"] * 2
    assert builder.steps == []


async def test_a_change_cut_off_at_shutdown_has_an_audit_event(bot: Bot, builder: Builder) -> None:
    load(bot, [builder.close()])
    builder.meanwhile = builder.finish.wait
    await cut_off(bot, builder, "close road")
    assert [item[2] for item in await history(bot)] == ["unknown", "pending"]


async def test_a_cancelled_change_is_an_error_with_an_audit_event(
    bot: Bot, builder: Builder
) -> None:
    load(bot, [builder.close()])
    builder.meanwhile = builder.finish.wait
    asked = await bot.say("close road")
    pressing = asyncio.create_task(bot.press(asked.action("confirm"), id="press"))
    await builder.begun.wait()
    (operation,) = await (await bot.app()).store.operations()
    await bot.say(f"cancel {operation.id}")
    answer = await pressing
    assert (answer.status, answer.code) == ("error", "TIMEOUT")
    assert "Cancelled: close road" in answer.text
    assert "Part of it may have taken effect" in answer.text
    assert not answer.reply.private
    again = await bot.press(asked.action("confirm"), id="press")
    assert (again.code, again.text) == (answer.code, answer.text)
    outcomes = [item[2] for item in await history(bot)]
    assert outcomes == ["cancelled", "success", "pending"]

"""Delivery by push: acknowledged when durable, answered once, in place, also after a restart."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from types import ModuleType
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from smartops import (
    BackendUnavailable,
    Call,
    Identity,
    Message,
    Reply,
    Text,
    Work,
    command,
    hookimpl,
)
from smartops.channels import Channel, Claims, Form, Inbound, Place, Receipt
from smartops.middleware import Answer
from smartops.middleware.duplicates import idempotency_key
from smartops.render import plain
from smartops.store import Store
from smartops.testing import Bot

pytestmark = pytest.mark.anyio


ASLEEP = 2
"""Tasks that sleep when idle: housekeeping, and the refresh of keys."""


class EditingChannel(Channel):
    """A channel whose platform is a list of messages that can be edited."""

    name = "editing"
    forms = True

    def __init__(self) -> None:
        self.messages: dict[str, Reply] = {}
        self.private: list[Reply] = []
        self.failures: list[Exception] = []
        self.hints: list[str] = []

    async def authenticate(self, inbound: Inbound) -> Claims:
        return Claims(None)

    def read(self, inbound: Inbound, claims: Claims) -> Receipt:
        return Receipt()

    async def send(self, message: Message, reply: Reply, *, replaces: str = "") -> str:
        await anyio.lowlevel.checkpoint()
        if self.failures:
            raise self.failures.pop(0)
        shown = replaces or f"m{len(self.messages)}"
        if reply.private:
            self.private.append(reply)
            self.messages.pop(replaces, None)
        else:
            self.messages[shown] = reply
        return shown

    async def hint(self, message: Message) -> None:
        self.hints.append(message.id)
        raise BackendUnavailable("it cannot be shown")

    def text(self, id: str = "m0") -> str:
        return plain(self.messages[id])


class Deployment:
    """A bot with a channel that pushes, a changing command and long operations."""

    def __init__(self, bot: Bot) -> None:
        self.bot = bot
        self.channel = EditingChannel()
        self.opened = 0
        self.sends = 0
        self.finish = anyio.Event()
        bot.settings["server"] = {"shutdown_timeout": "10ms"}
        bot.settings["guests"] = [{"provider": "editing", "roles": ["operator"]}]
        bot.load(self.plugin())

    def plugin(self) -> ModuleType:
        deployment = self

        @command("open {what}", effect="change")
        async def open_it(what: str) -> str:
            """Open something."""
            deployment.opened += 1
            return f"{what} is open"

        @command("greet")
        async def greet(call: Call) -> str:
            """Greet."""
            return f"greet {call.person}"

        @command("copy")
        async def copy(work: Work) -> str:
            """Copy something large."""

            async def send() -> str:
                deployment.sends += 1
                return f"copy {deployment.sends}"

            sent = await work.once("send", send)
            await work.progress("half done", done=1, total=2)
            await deployment.finish.wait()
            return f"{sent} is done"

        @command("crash")
        async def crash(work: Work) -> str:
            """Fail after a while."""
            deployment.sends += 1
            await work.progress("half done", done=1, total=2)
            await deployment.finish.wait()
            raise BackendUnavailable("no space")

        @command("move", effect="change", resumable=True)
        async def move(work: Work) -> str:
            """Move something."""
            await work.progress("moving")
            await deployment.finish.wait()
            return "moved"

        module = ModuleType("deployment")
        module.register_commands = hookimpl(lambda: [open_it, greet, copy, crash, move])  # type: ignore[attr-defined]
        module.register_channels = hookimpl(lambda: [deployment.channel])  # type: ignore[attr-defined]
        return module

    async def says(self, text: str = "", **more: Any) -> None:
        app = await self.bot.app()
        await app.accept(self.channel, [self.message(text, **more)])

    def message(self, text: str = "", *, user: str = "ann", id: str = "1", **more: Any) -> Message:
        return Message(
            id=id,
            channel="editing",
            conversation="room",
            sender=Identity("editing", "", user),
            place=Place("editing"),
            at=self.bot.clock.now(),
            request_id=f"r-{id}",
            text=text,
            asks=True,
            **more,
        )

    async def waits(self, message: Message) -> None:
        """Send a message whose answer the platform does not wait for."""
        app = await self.bot.app()
        assert await app.answer(message, 0.02, self.channel) is None

    async def until(self, wanted: Callable[[], bool]) -> None:
        with anyio.fail_after(10):
            while not wanted():
                await anyio.sleep(0.001)

    def later(self, id: str = "m0") -> str:
        """Let a second pass, and return what a message shows then."""
        self.bot.clock.advance(1)
        return self.channel.text(id) if id in self.channel.messages else ""

    async def shows(self, text: str, id: str = "m0") -> None:
        await self.until(lambda: id in self.channel.messages and text in self.channel.text(id))


@pytest.fixture
def deployment(bot: Bot) -> Deployment:
    return Deployment(bot)


async def test_an_answer_is_pushed(deployment: Deployment) -> None:
    await deployment.says("greet")
    await deployment.shows("greet editing:ann")
    assert len(deployment.channel.messages) == 1


async def test_the_answer_to_a_read_is_stored_only_where_a_request_waits_for_it(
    deployment: Deployment,
) -> None:
    await deployment.says("greet")
    await deployment.shows("greet editing:ann")
    app = await deployment.bot.app()
    waiting = deployment.message("greet", id="2")
    assert await app.answer(waiting, 5, deployment.channel) is not None
    assert await app.store.answer(idempotency_key(deployment.message("greet"))) is None
    assert await app.store.answer(idempotency_key(waiting)) is not None


async def test_a_redelivered_message_is_answered_once(deployment: Deployment) -> None:
    for _ in range(3):
        await deployment.says("greet")
    await deployment.shows("greet editing:ann")
    await deployment.says("greet", id="2")
    await deployment.shows("greet editing:ann", "m1")
    assert len(deployment.channel.messages) == 2


async def test_progress_and_outcome_are_one_message(deployment: Deployment) -> None:
    await deployment.says("copy")
    await deployment.until(lambda: deployment.sends == 1)
    await deployment.until(lambda: "half done (1 of 2)" in deployment.later())
    deployment.finish.set()
    await deployment.shows("copy 1 is done")
    assert list(deployment.channel.messages) == ["m0"]


async def test_a_slow_reply_is_hinted_at(deployment: Deployment) -> None:
    await deployment.says("greet")
    await deployment.shows("greet editing:ann")
    await deployment.says("copy", id="2")
    await deployment.until(lambda: deployment.sends == 1)
    deployment.later()
    await deployment.until(lambda: deployment.channel.hints == ["2"])
    deployment.finish.set()
    await deployment.shows("copy 1 is done", "m1")
    assert deployment.channel.hints == ["2"]


async def test_a_click_replaces_the_approval_message(deployment: Deployment) -> None:
    await deployment.says("open door")
    await deployment.shows("Confirmation required")
    value = deployment.channel.messages["m0"].actions[0].value
    await deployment.says(action=value, shown_in="m0", id="2")
    await deployment.shows("door is open")
    assert deployment.channel.messages["m0"].actions == ()
    assert (len(deployment.channel.messages), deployment.opened) == (1, 1)


async def test_a_second_click_and_another_persons_click_are_refused_in_private(
    deployment: Deployment,
) -> None:
    await deployment.says("open door")
    await deployment.shows("Confirmation required")
    value = deployment.channel.messages["m0"].actions[0].value
    await deployment.says(action=value, shown_in="m0", id="2", user="mallory")
    await deployment.until(lambda: len(deployment.channel.private) == 1)
    assert deployment.channel.messages["m0"].actions != ()
    await deployment.says(action=value, shown_in="m0", id="3")
    await deployment.shows("door is open")
    await deployment.says(action=value, shown_in="m0", id="4")
    await deployment.until(lambda: len(deployment.channel.private) == 2)
    assert "door is open" in deployment.channel.text()
    assert deployment.opened == 1


async def test_an_expired_approval_message_loses_its_buttons(deployment: Deployment) -> None:
    await deployment.says("open door")
    await deployment.shows("Confirmation required")
    value = deployment.channel.messages["m0"].actions[0].value
    deployment.bot.clock.advance(16 * 60)
    await deployment.says(action=value, shown_in="m0", id="2")
    await deployment.shows("has expired")
    assert (deployment.channel.messages["m0"].actions, deployment.opened) == ((), 0)


async def test_a_decision_elsewhere_closes_the_approval_message(deployment: Deployment) -> None:
    deployment.bot.settings["people"] = {
        "ann": {"roles": ["operator"], "identities": ["editing:ann", "bot:ann"]}
    }
    await deployment.says("open door")
    await deployment.shows("Confirmation required")
    value = deployment.channel.messages["m0"].actions[0].value
    await deployment.says("greet", id="2")  # the id of the approval message is stored by then
    await deployment.shows("greet ann", "m1")
    answer = await deployment.bot.say(value, user="ann")
    assert answer.text == "door is open"
    await deployment.shows("door is open")
    assert deployment.channel.messages["m0"].actions == ()


async def test_a_stored_message_is_answered_after_a_restart(deployment: Deployment) -> None:
    deployment.channel.failures = [BackendUnavailable("away")]
    await deployment.says("greet")
    await deployment.until(lambda: not deployment.channel.failures)
    await stop(deployment)
    await deployment.bot.app()
    await deployment.shows("greet editing:ann")


@pytest.mark.parametrize(
    ("id", "shown_in", "private"), [("1", "", 0), ("2", "m7", 0), ("3", "", 1), ("4", "m7", 1)]
)
async def test_a_late_reply_replaces_the_pending_message(
    deployment: Deployment, id: str, shown_in: str, private: int
) -> None:
    text = "crash" if private else "copy"
    where = shown_in or "m0"
    await deployment.bot.app()
    async with anyio.create_task_group() as group:
        group.start_soon(deployment.waits, deployment.message(text, id=id, shown_in=shown_in))
        await deployment.until(lambda: "half done (1 of 2)" in deployment.later(where))
        assert list(deployment.channel.messages) == [where]
        deployment.finish.set()
    if private:
        await deployment.until(lambda: len(deployment.channel.private) == 1)
        assert deployment.channel.messages == {}
        assert "no space" in plain(deployment.channel.private[0])
    else:
        await deployment.shows("copy 1 is done", where)
        assert list(deployment.channel.messages) == [where]


async def test_a_private_reply_removes_the_pending_message(deployment: Deployment) -> None:
    await deployment.says("crash")
    await deployment.until(lambda: "half done (1 of 2)" in deployment.later())
    deployment.finish.set()
    await deployment.until(lambda: len(deployment.channel.private) == 1)
    assert deployment.channel.messages == {}


async def test_an_operation_is_resumed_after_a_restart_and_its_step_runs_once(
    deployment: Deployment,
) -> None:
    await deployment.says("copy")
    await deployment.until(lambda: deployment.sends == 1)
    await stop(deployment)
    deployment.finish.set()
    await deployment.bot.app()
    await deployment.shows("copy 1 is done")
    assert deployment.sends == 1
    assert len(deployment.channel.messages) == 1


async def test_progress_replaces_the_approval_message_after_a_restart(
    deployment: Deployment,
) -> None:
    await deployment.says("move")
    await deployment.shows("Confirmation required")
    value = deployment.channel.messages["m0"].actions[0].value
    await deployment.says(action=value, shown_in="m0", id="2")
    await deployment.until(lambda: "moving" in deployment.later())
    await stop(deployment)
    await deployment.bot.app()
    await deployment.until(lambda: deployment.later() == "Working on it")
    deployment.finish.set()
    await deployment.shows("moved")
    assert len(deployment.channel.messages) == 1


async def test_a_reply_is_sent_if_another_process_resumes_the_operation(
    deployment: Deployment,
) -> None:
    await deployment.says("copy")
    await deployment.until(lambda: deployment.sends == 1)
    await stop(deployment)
    async with another_store(deployment) as store:
        (operation,) = await store.orphans(deployment.bot.clock.time())
        await deployment.bot.app()
        await deployment.until(lambda: deployment.later() == "Working on it")
        await store.finish(operation.id, "done", Reply.of("it landed elsewhere").dump())
        await deployment.until(lambda: deployment.later() == "it landed elsewhere")


async def test_an_unanswered_stored_message_is_answered(deployment: Deployment) -> None:
    """Such as after an unconfirmed commit, for which the platform delivers it again."""
    app = await deployment.bot.app()
    message = deployment.message("greet")
    await app.store.claim(idempotency_key(message), message=message.dump())
    await deployment.says("greet")
    clock = deployment.bot.clock
    await deployment.until(lambda: clock.sleepers >= ASLEEP)
    for _ in range(15):
        clock.advance(2)
        await deployment.until(lambda: clock.sleepers >= ASLEEP)  # housekeeping has run
    await deployment.shows("greet editing:ann")
    assert len(deployment.channel.messages) == 1


async def test_a_waiting_request_survives_an_unavailable_store(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smartops.store.database._WAIT", 0.01)  # not ten seconds for a lock
    await deployment.says("copy")
    await deployment.until(lambda: deployment.sends == 1)
    await stop(deployment)
    async with another_store(deployment) as store:
        (operation,) = await store.orphans(deployment.bot.clock.time())
        app = await deployment.bot.app()
        await deployment.until(lambda: deployment.later() == "Working on it")
        with closing(
            sqlite3.connect(deployment.bot.folder / "bot.db", isolation_level=None)
        ) as other:
            other.execute("BEGIN IMMEDIATE")
            app.store.delivered("another")  # reads see it, so now they wait for the lock
            for _ in range(10):
                deployment.later()
                await anyio.sleep(0.01)
            other.execute("COMMIT")
        assert deployment.channel.text() == "Working on it"
        await store.finish(operation.id, "done", Reply.of("it landed elsewhere").dump())
        await deployment.until(lambda: deployment.later() == "it landed elsewhere")


async def test_an_operation_that_is_no_longer_allowed_has_an_unknown_outcome(
    deployment: Deployment,
) -> None:
    await deployment.says("copy")
    await deployment.until(lambda: deployment.sends == 1)
    await stop(deployment)
    deployment.bot.settings["guests"] = [{"provider": "editing", "roles": []}]
    app = await deployment.bot.app()
    await deployment.shows("Outcome unknown: copy")
    assert "SmartOps does not know you" in deployment.channel.text()
    (operation,) = await app.store.operations()
    assert (operation.state, deployment.sends) == ("unknown", 1)


async def test_an_operation_that_is_finishing_at_shutdown_is_not_taken_over(
    deployment: Deployment,
) -> None:
    deployment.bot.settings["server"] = {"shutdown_timeout": "1m"}
    await deployment.says("copy")
    await deployment.until(lambda: deployment.sends == 1)

    async def finish_late(store: Store) -> None:
        (before,) = (now,) = await store.operations()
        with anyio.fail_after(10):
            while now.lease_until == before.lease_until:
                deployment.bot.clock.advance(1)
                await anyio.sleep(0.001)
                (now,) = await store.operations()
        deployment.finish.set()

    async with another_store(deployment) as store:
        finishing = asyncio.create_task(finish_late(store))
        await stop(deployment)
        await finishing
    await deployment.shows("copy 1 is done")


async def test_an_operation_is_listed_shown_and_cancelled(deployment: Deployment) -> None:
    await deployment.says("copy")
    await deployment.until(lambda: deployment.sends == 1)
    await deployment.says("operations", id="2")
    await deployment.shows("running")
    (operation,) = deployment.channel.messages["m0"].data["operations"]
    await deployment.says(f"cancel {operation['operation']}", id="3", user="mallory")
    await deployment.until(lambda: len(deployment.channel.private) == 1)
    await deployment.says(f"cancel {operation['operation']}", id="4")
    await deployment.until(
        lambda: any("Cancelled: copy" in plain(r) for r in deployment.channel.messages.values())
    )
    await deployment.says(f"show {operation['operation']}", id="5")
    await deployment.until(
        lambda: any("State" in plain(r) for r in deployment.channel.messages.values())
    )


async def test_a_form_is_filled_in(deployment: Deployment) -> None:
    await deployment.says("open")
    await deployment.until(lambda: "m0" in deployment.channel.messages)
    (form,) = deployment.channel.messages["m0"].view
    assert isinstance(form, Form)
    await deployment.says(form.command, id="2", form={"what": "gate"})
    await deployment.shows("gate", "m1")


async def stop(deployment: Deployment) -> None:
    """Stop the app, which does not wait for operations in flight."""
    await deployment.bot.aclose()


@asynccontextmanager
async def another_store(deployment: Deployment) -> AsyncIterator[Store]:
    """Return the store as another process has it open."""
    store = await Store.open(f"sqlite:///{deployment.bot.folder / 'bot.db'}", deployment.bot.clock)
    try:
        yield store
    finally:
        await store.aclose()


def test_replies_can_be_stored() -> None:
    reply = Reply(view=(Text("hello"), Form("open", "open what?", ())))
    assert Reply.load(reply.dump()) == reply
    answer = Answer(view=reply.view, decided="ap-1", approval_message="key")
    assert Answer.load(answer.dump()) == answer

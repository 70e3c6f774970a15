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


class Pigeon(Channel):
    """A channel whose platform is a list of messages that can be edited."""

    name = "pigeon"
    forms = True

    def __init__(self) -> None:
        self.wall: dict[str, Reply] = {}
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
        shown = replaces or f"m{len(self.wall)}"
        if reply.private:
            self.private.append(reply)
            self.wall.pop(replaces, None)
        else:
            self.wall[shown] = reply
        return shown

    async def hint(self, message: Message) -> None:
        self.hints.append(message.id)
        raise BackendUnavailable("nobody looks up")

    def text(self, id: str = "m0") -> str:
        return plain(self.wall[id])


class Nest:
    """A bot with a channel that pushes, a changing command and long operations."""

    def __init__(self, bot: Bot) -> None:
        self.bot = bot
        self.pigeon = Pigeon()
        self.opened = 0
        self.sends = 0
        self.finish = anyio.Event()
        bot.settings["server"] = {"shutdown_timeout": "10ms"}
        bot.settings["guests"] = [{"provider": "pigeon", "roles": ["operator"]}]
        bot.load(self.plugin())

    def plugin(self) -> ModuleType:
        nest = self

        @command("open {what}", effect="change")
        async def open_it(what: str) -> str:
            """Open something."""
            nest.opened += 1
            return f"{what} is open"

        @command("coo")
        async def coo(call: Call) -> str:
            """Coo."""
            return f"coo {call.person}"

        @command("fly")
        async def fly(work: Work) -> str:
            """Fly far."""

            async def send() -> str:
                nest.sends += 1
                return f"flight {nest.sends}"

            flight = await work.once("send", send)
            await work.progress("in the air", done=1, total=2)
            await nest.finish.wait()
            return f"{flight} has landed"

        @command("crash")
        async def crash(work: Work) -> str:
            """Fly, and fall."""
            nest.sends += 1
            await work.progress("in the air", done=1, total=2)
            await nest.finish.wait()
            raise BackendUnavailable("no runway")

        @command("glide", effect="change", resumable=True)
        async def glide(work: Work) -> str:
            """Glide."""
            await work.progress("gliding")
            await nest.finish.wait()
            return "glided"

        module = ModuleType("nest")
        module.register_commands = hookimpl(lambda: [open_it, coo, fly, crash, glide])  # type: ignore[attr-defined]
        module.register_channels = hookimpl(lambda: [nest.pigeon])  # type: ignore[attr-defined]
        return module

    async def says(self, text: str = "", **more: Any) -> None:
        app = await self.bot.app()
        await app.accept(self.pigeon, [self.message(text, **more)])

    def message(self, text: str = "", *, user: str = "ann", id: str = "1", **more: Any) -> Message:
        return Message(
            id=id,
            channel="pigeon",
            conversation="roof",
            sender=Identity("pigeon", "", user),
            place=Place("pigeon"),
            at=self.bot.clock.now(),
            request_id=f"r-{id}",
            text=text,
            asks=True,
            **more,
        )

    async def waits(self, message: Message) -> None:
        """Send a message whose answer the platform does not wait for."""
        app = await self.bot.app()
        assert await app.answer(message, 0.02, self.pigeon) is None

    async def until(self, wanted: Callable[[], bool]) -> None:
        with anyio.fail_after(10):
            while not wanted():
                await anyio.sleep(0.001)

    def later(self, id: str = "m0") -> str:
        """Let a second pass, and return what a message shows then."""
        self.bot.clock.advance(1)
        return self.pigeon.text(id) if id in self.pigeon.wall else ""

    async def shows(self, text: str, id: str = "m0") -> None:
        await self.until(lambda: id in self.pigeon.wall and text in self.pigeon.text(id))


@pytest.fixture
def nest(bot: Bot) -> Nest:
    return Nest(bot)


async def test_an_answer_is_pushed(nest: Nest) -> None:
    await nest.says("coo")
    await nest.shows("coo pigeon:ann")
    assert len(nest.pigeon.wall) == 1


async def test_the_answer_to_a_read_is_stored_only_where_a_request_waits_for_it(nest: Nest) -> None:
    await nest.says("coo")
    await nest.shows("coo pigeon:ann")
    app = await nest.bot.app()
    waiting = nest.message("coo", id="2")
    assert await app.answer(waiting, 5, nest.pigeon) is not None
    assert await app.store.answer(idempotency_key(nest.message("coo"))) is None
    assert await app.store.answer(idempotency_key(waiting)) is not None


async def test_a_redelivered_message_is_answered_once(nest: Nest) -> None:
    for _ in range(3):
        await nest.says("coo")
    await nest.shows("coo pigeon:ann")
    await nest.says("coo", id="2")
    await nest.shows("coo pigeon:ann", "m1")
    assert len(nest.pigeon.wall) == 2


async def test_progress_and_outcome_are_one_message(nest: Nest) -> None:
    await nest.says("fly")
    await nest.until(lambda: nest.sends == 1)
    await nest.until(lambda: "in the air (1 of 2)" in nest.later())
    nest.finish.set()
    await nest.shows("flight 1 has landed")
    assert list(nest.pigeon.wall) == ["m0"]


async def test_a_slow_reply_is_hinted_at(nest: Nest) -> None:
    await nest.says("coo")
    await nest.shows("coo pigeon:ann")
    await nest.says("fly", id="2")
    await nest.until(lambda: nest.sends == 1)
    nest.later()
    await nest.until(lambda: nest.pigeon.hints == ["2"])
    nest.finish.set()
    await nest.shows("flight 1 has landed", "m1")
    assert nest.pigeon.hints == ["2"]


async def test_a_click_replaces_the_approval_message(nest: Nest) -> None:
    await nest.says("open door")
    await nest.shows("Confirmation required")
    value = nest.pigeon.wall["m0"].actions[0].value
    await nest.says(action=value, shown_in="m0", id="2")
    await nest.shows("door is open")
    assert nest.pigeon.wall["m0"].actions == ()
    assert (len(nest.pigeon.wall), nest.opened) == (1, 1)


async def test_a_second_click_and_another_persons_click_are_refused_in_private(nest: Nest) -> None:
    await nest.says("open door")
    await nest.shows("Confirmation required")
    value = nest.pigeon.wall["m0"].actions[0].value
    await nest.says(action=value, shown_in="m0", id="2", user="mallory")
    await nest.until(lambda: len(nest.pigeon.private) == 1)
    assert nest.pigeon.wall["m0"].actions != ()
    await nest.says(action=value, shown_in="m0", id="3")
    await nest.shows("door is open")
    await nest.says(action=value, shown_in="m0", id="4")
    await nest.until(lambda: len(nest.pigeon.private) == 2)
    assert "door is open" in nest.pigeon.text()
    assert nest.opened == 1


async def test_an_expired_approval_message_loses_its_buttons(nest: Nest) -> None:
    await nest.says("open door")
    await nest.shows("Confirmation required")
    value = nest.pigeon.wall["m0"].actions[0].value
    nest.bot.clock.advance(16 * 60)
    await nest.says(action=value, shown_in="m0", id="2")
    await nest.shows("has expired")
    assert (nest.pigeon.wall["m0"].actions, nest.opened) == ((), 0)


async def test_a_decision_elsewhere_closes_the_approval_message(nest: Nest) -> None:
    nest.bot.settings["people"] = {
        "ann": {"roles": ["operator"], "identities": ["pigeon:ann", "bot:ann"]}
    }
    await nest.says("open door")
    await nest.shows("Confirmation required")
    value = nest.pigeon.wall["m0"].actions[0].value
    await nest.says("coo", id="2")  # the id of the approval message is stored by then
    await nest.shows("coo ann", "m1")
    answer = await nest.bot.say(value, user="ann")
    assert answer.text == "door is open"
    await nest.shows("door is open")
    assert nest.pigeon.wall["m0"].actions == ()


async def test_a_stored_message_is_answered_after_a_restart(nest: Nest) -> None:
    nest.pigeon.failures = [BackendUnavailable("away")]
    await nest.says("coo")
    await nest.until(lambda: not nest.pigeon.failures)
    await stop(nest)
    await nest.bot.app()
    await nest.shows("coo pigeon:ann")


@pytest.mark.parametrize(
    ("id", "shown_in", "private"), [("1", "", 0), ("2", "m7", 0), ("3", "", 1), ("4", "m7", 1)]
)
async def test_a_late_reply_replaces_the_pending_message(
    nest: Nest, id: str, shown_in: str, private: int
) -> None:
    text = "crash" if private else "fly"
    where = shown_in or "m0"
    await nest.bot.app()
    async with anyio.create_task_group() as group:
        group.start_soon(nest.waits, nest.message(text, id=id, shown_in=shown_in))
        await nest.until(lambda: "in the air (1 of 2)" in nest.later(where))
        assert list(nest.pigeon.wall) == [where]
        nest.finish.set()
    if private:
        await nest.until(lambda: len(nest.pigeon.private) == 1)
        assert nest.pigeon.wall == {}
        assert "no runway" in plain(nest.pigeon.private[0])
    else:
        await nest.shows("flight 1 has landed", where)
        assert list(nest.pigeon.wall) == [where]


async def test_a_private_reply_removes_the_pending_message(nest: Nest) -> None:
    await nest.says("crash")
    await nest.until(lambda: "in the air (1 of 2)" in nest.later())
    nest.finish.set()
    await nest.until(lambda: len(nest.pigeon.private) == 1)
    assert nest.pigeon.wall == {}


async def test_an_operation_is_resumed_after_a_restart_and_its_step_runs_once(nest: Nest) -> None:
    await nest.says("fly")
    await nest.until(lambda: nest.sends == 1)
    await stop(nest)
    nest.finish.set()
    await nest.bot.app()
    await nest.shows("flight 1 has landed")
    assert nest.sends == 1
    assert len(nest.pigeon.wall) == 1


async def test_progress_replaces_the_approval_message_after_a_restart(nest: Nest) -> None:
    await nest.says("glide")
    await nest.shows("Confirmation required")
    value = nest.pigeon.wall["m0"].actions[0].value
    await nest.says(action=value, shown_in="m0", id="2")
    await nest.until(lambda: "gliding" in nest.later())
    await stop(nest)
    await nest.bot.app()
    await nest.until(lambda: nest.later() == "Working on it")
    nest.finish.set()
    await nest.shows("glided")
    assert len(nest.pigeon.wall) == 1


async def test_a_reply_is_sent_if_another_process_resumes_the_operation(nest: Nest) -> None:
    await nest.says("fly")
    await nest.until(lambda: nest.sends == 1)
    await stop(nest)
    async with another_store(nest) as store:
        (operation,) = await store.orphans(nest.bot.clock.time())
        await nest.bot.app()
        await nest.until(lambda: nest.later() == "Working on it")
        await store.finish(operation.id, "done", Reply.of("it landed elsewhere").dump())
        await nest.until(lambda: nest.later() == "it landed elsewhere")


async def test_an_unanswered_stored_message_is_answered(nest: Nest) -> None:
    """Such as after an unconfirmed commit, for which the platform delivers it again."""
    app = await nest.bot.app()
    message = nest.message("coo")
    await app.store.claim(idempotency_key(message), message=message.dump())
    await nest.says("coo")
    clock = nest.bot.clock
    await nest.until(lambda: clock.sleepers >= ASLEEP)
    for _ in range(15):
        clock.advance(2)
        await nest.until(lambda: clock.sleepers >= ASLEEP)  # housekeeping has run
    await nest.shows("coo pigeon:ann")
    assert len(nest.pigeon.wall) == 1


async def test_a_waiting_request_survives_an_unavailable_store(
    nest: Nest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smartops.store.database._WAIT", 0.01)  # not ten seconds for a lock
    await nest.says("fly")
    await nest.until(lambda: nest.sends == 1)
    await stop(nest)
    async with another_store(nest) as store:
        (operation,) = await store.orphans(nest.bot.clock.time())
        app = await nest.bot.app()
        await nest.until(lambda: nest.later() == "Working on it")
        with closing(sqlite3.connect(nest.bot.folder / "bot.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            app.store.delivered("another")  # reads see it, so now they wait for the lock
            for _ in range(10):
                nest.later()
                await anyio.sleep(0.01)
            other.execute("COMMIT")
        assert nest.pigeon.text() == "Working on it"
        await store.finish(operation.id, "done", Reply.of("it landed elsewhere").dump())
        await nest.until(lambda: nest.later() == "it landed elsewhere")


async def test_an_operation_that_is_no_longer_allowed_has_an_unknown_outcome(nest: Nest) -> None:
    await nest.says("fly")
    await nest.until(lambda: nest.sends == 1)
    await stop(nest)
    nest.bot.settings["guests"] = [{"provider": "pigeon", "roles": []}]
    app = await nest.bot.app()
    await nest.shows("Outcome unknown: fly")
    assert "SmartOps does not know you" in nest.pigeon.text()
    (operation,) = await app.store.operations()
    assert (operation.state, nest.sends) == ("unknown", 1)


async def test_an_operation_that_is_finishing_at_shutdown_is_not_taken_over(nest: Nest) -> None:
    nest.bot.settings["server"] = {"shutdown_timeout": "1m"}
    await nest.says("fly")
    await nest.until(lambda: nest.sends == 1)

    async def finish_late(store: Store) -> None:
        (before,) = (now,) = await store.operations()
        with anyio.fail_after(10):
            while now.lease_until == before.lease_until:
                nest.bot.clock.advance(1)
                await anyio.sleep(0.001)
                (now,) = await store.operations()
        nest.finish.set()

    async with another_store(nest) as store:
        finishing = asyncio.create_task(finish_late(store))
        await stop(nest)
        await finishing
    await nest.shows("flight 1 has landed")


async def test_an_operation_is_listed_shown_and_cancelled(nest: Nest) -> None:
    await nest.says("fly")
    await nest.until(lambda: nest.sends == 1)
    await nest.says("operations", id="2")
    await nest.shows("running")
    (operation,) = nest.pigeon.wall["m0"].data["operations"]
    await nest.says(f"cancel {operation['operation']}", id="3", user="mallory")
    await nest.until(lambda: len(nest.pigeon.private) == 1)
    await nest.says(f"cancel {operation['operation']}", id="4")
    await nest.until(lambda: any("Cancelled: fly" in plain(r) for r in nest.pigeon.wall.values()))
    await nest.says(f"show {operation['operation']}", id="5")
    await nest.until(lambda: any("State" in plain(r) for r in nest.pigeon.wall.values()))


async def test_a_form_is_filled_in(nest: Nest) -> None:
    await nest.says("open")
    await nest.until(lambda: "m0" in nest.pigeon.wall)
    (form,) = nest.pigeon.wall["m0"].view
    assert isinstance(form, Form)
    await nest.says(form.command, id="2", form={"what": "gate"})
    await nest.shows("gate", "m1")


async def stop(nest: Nest) -> None:
    """Stop the app, which does not wait for operations in flight."""
    await nest.bot.aclose()


@asynccontextmanager
async def another_store(nest: Nest) -> AsyncIterator[Store]:
    """Return the store as another process has it open."""
    store = await Store.open(f"sqlite:///{nest.bot.folder / 'bot.db'}", nest.bot.clock)
    try:
        yield store
    finally:
        await store.aclose()


def test_replies_can_be_stored() -> None:
    reply = Reply(view=(Text("hello"), Form("open", "open what?", ())))
    assert Reply.load(reply.dump()) == reply
    answer = Answer(view=reply.view, decided="ap-1", approval_message="key")
    assert Answer.load(answer.dump()) == answer

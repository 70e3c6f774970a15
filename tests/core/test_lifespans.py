"""Lifespans of plugins: each in a task of its own, on a complete app."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from smartops import Identity, Message, Reply, Runtime, command, hookimpl
from smartops.app import lifespans
from smartops.channels import Channel, Claims, Inbound, Place, Receipt, plain
from smartops.errors import StartupError
from smartops.http import AiohttpClient
from smartops.testing import Bot, ManualClock
from smartops.testing.bot import PROVIDER

pytestmark = pytest.mark.anyio

Lifespan = Callable[[Runtime], AbstractAsyncContextManager[None]]


class Plugin:
    """A plugin with one lifespan, and a command to see that the app works."""

    def __init__(self, living: Lifespan, name: str = "greet") -> None:
        self._living = living
        self._name = name

    @hookimpl
    def lifespan(self, app: Runtime) -> AbstractAsyncContextManager[None]:
        return self._living(app)

    @hookimpl
    def register_commands(self) -> list[Any]:
        @command(self._name)
        async def greet() -> str:
            """Say hello."""
            return "Hello"

        return [greet]


def recording(events: list[str], name: str, failing: BaseException | None = None) -> Lifespan:
    @asynccontextmanager
    async def living(app: Runtime) -> AsyncIterator[None]:
        events.append(f"{name} entered")
        yield
        events.append(f"{name} left")
        if failing is not None:
            raise failing

    return living


def raising(error: BaseException) -> Lifespan:
    @asynccontextmanager
    async def living(app: Runtime) -> AsyncIterator[None]:
        raise error
        yield

    return living


async def logged(caplog: pytest.LogCaptureFixture, text: str) -> None:
    with anyio.fail_after(5):
        while text not in caplog.text:
            await anyio.lowlevel.checkpoint()


async def test_a_lifespan_can_hold_a_task_group(bot: Bot) -> None:
    events = []

    @asynccontextmanager
    async def living(app: Runtime) -> AsyncIterator[None]:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever)
            yield
            events.append("leaving")
            group.cancel_scope.cancel()
        events.append("left")

    bot.load(Plugin(living))
    bot.load(Plugin(recording(events, "other"), "other"), name="other")
    assert (await bot.say("greet")).text == "Hello"
    await bot.aclose()
    assert events == ["other entered", "other left", "leaving", "left"]


async def test_a_lifespan_may_spawn_at_once(bot: Bot) -> None:
    done = anyio.Event()

    async def work(text: str) -> None:
        assert text == "now"
        done.set()

    @asynccontextmanager
    async def living(app: Runtime) -> AsyncIterator[None]:
        app.spawn(work, "now")
        with anyio.fail_after(5):
            await done.wait()
        yield

    bot.load(Plugin(living))
    assert (await bot.say("greet")).text == "Hello"


class Postbox(Channel):
    """A channel whose messages come from the plugin's lifespan or from its own ``run``."""

    name = "postbox"

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.running = False
        self.arrived = anyio.Event()

    async def authenticate(self, inbound: Inbound) -> Claims:
        raise NotImplementedError

    def read(self, inbound: Inbound, claims: Claims) -> Receipt:
        raise NotImplementedError

    async def send(self, message: Message, reply: Reply, *, replaces: str = "") -> str:
        self.sent.append(plain(reply))
        self.arrived.set()
        return ""

    async def run(self, app: Runtime) -> None:
        self.running = True
        try:
            await app.accept(self, [self.message("running")])
            await anyio.sleep_forever()
        finally:
            self.running = False

    def message(self, id: str) -> Message:
        sender, place = Identity(PROVIDER, "", "alice"), Place(self.name)
        return Message(id, self.name, "c", sender, place, ManualClock().now(), id, "greet")


class Mailing(Plugin):
    def __init__(self, postbox: Postbox, living: Lifespan) -> None:
        super().__init__(living)
        self._postbox = postbox

    @hookimpl
    def register_channels(self) -> Sequence[Channel]:
        return [self._postbox]


async def test_a_lifespan_may_accept_at_once(bot: Bot) -> None:
    postbox = Postbox()

    @asynccontextmanager
    async def living(app: Runtime) -> AsyncIterator[None]:
        await app.accept(postbox, [postbox.message("early")])
        with anyio.fail_after(5):
            await postbox.arrived.wait()
        yield

    bot.load(Mailing(postbox, living))
    await bot.app()
    assert postbox.sent == ["Hello"]


async def test_channels_run_only_while_the_app_serves(bot: Bot) -> None:
    postbox = Postbox()
    bot.load(Mailing(postbox, recording([], "postbox")))
    app = await bot.app()
    assert (await bot.say("greet")).text == "Hello"
    assert not postbox.running
    async with app.serving():
        with anyio.fail_after(5):
            await postbox.arrived.wait()
        assert postbox.running
    assert not postbox.running
    assert postbox.sent == ["Hello"]


async def test_a_failing_channel_is_logged_and_stops_no_other(
    bot: Bot, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Postbox):
        async def run(self, app: Runtime) -> None:
            raise SystemExit(3)

    bot.load(Mailing(Broken(), recording([], "postbox")))
    app = await bot.app()
    async with app.serving():
        await logged(caplog, "Broken.run")
        assert (await bot.say("greet")).text == "Hello"


async def test_a_lifespan_may_hold_a_session(bot: Bot) -> None:
    clients = []

    @asynccontextmanager
    async def living(app: Runtime) -> AsyncIterator[None]:
        client = AiohttpClient()
        clients.append(client)
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.sleep_forever)
                yield
                group.cancel_scope.cancel()
        finally:
            await client.aclose()

    bot.load(Plugin(living))
    assert (await bot.say("greet")).text == "Hello"
    await bot.aclose()
    assert (await bot.say("greet")).text == "Hello"
    assert len(clients) == 2


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError("no route"), "plugin broken: lifespan: OSError: no route"),
        (SystemExit(3), "plugin broken: lifespan: SystemExit: 3"),
        (ExceptionGroup("g", [OSError("no")]), "plugin broken: lifespan: OSError: no"),
    ],
)
async def test_a_failure_to_enter_stops_the_start_and_leaves_the_others(
    bot: Bot, caplog: pytest.LogCaptureFixture, error: BaseException, text: str
) -> None:
    caplog.set_level(logging.DEBUG, "smartops")
    events: list[str] = []
    for name in ("first", "second"):
        bot.load(Plugin(recording(events, name), name), name=name)
    bot.load(Plugin(raising(error)), name="broken")
    bot.load(Plugin(recording(events, "last"), "last"), name="last")
    with pytest.raises(StartupError) as refused:
        await bot.app()
    assert str(refused.value) == text
    assert events == ["first entered", "second entered", "second left", "first left"]
    (record,) = [item for item in caplog.records if item.exc_info]
    assert (record.levelname, "broken" in record.getMessage()) == ("DEBUG", True)


@pytest.mark.parametrize("error", [OSError("no route"), SystemExit(3)])
async def test_a_failure_to_leave_names_the_plugin_and_stops_no_other(
    bot: Bot, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    events: list[str] = []
    bot.load(Plugin(recording(events, "first"), "first"), name="first")
    bot.load(Plugin(recording(events, "second", error)), name="second")
    await bot.app()
    await bot.aclose()
    assert events[2:] == ["second left", "first left"]
    assert "plugin second did not close cleanly" in caplog.text


async def test_a_lifespan_that_does_not_end_is_cancelled(
    bot: Bot, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifespans, "CLOSE_TIMEOUT", 0.01)
    events: list[str] = []

    @asynccontextmanager
    async def living(app: Runtime) -> AsyncIterator[None]:
        yield
        await anyio.sleep_forever()

    bot.load(Plugin(recording(events, "first"), "first"), name="first")
    bot.load(Plugin(living), name="stuck")
    await bot.app()
    await bot.aclose()
    assert events == ["first entered", "first left"]
    assert "plugin stuck did not close within 0.01 seconds" in caplog.text


async def test_a_lifespan_that_fails_later_is_logged_at_once(
    bot: Bot, caplog: pytest.LogCaptureFixture
) -> None:
    go = anyio.Event()

    async def crash() -> None:
        await go.wait()
        raise OSError("gone")

    @asynccontextmanager
    async def living(app: Runtime) -> AsyncIterator[None]:
        async with anyio.create_task_group() as group:
            group.start_soon(crash)
            yield

    bot.load(Plugin(living), name="crashing")
    await bot.app()
    go.set()
    await logged(caplog, "the lifespan of plugin crashing failed")
    assert (await bot.say("greet")).text == "Hello"


async def test_a_lifespan_that_ends_early_is_logged(
    bot: Bot, caplog: pytest.LogCaptureFixture
) -> None:
    @asynccontextmanager
    async def living(app: Runtime) -> AsyncIterator[None]:
        with anyio.CancelScope() as scope:
            scope.cancel()
            yield

    bot.load(Plugin(living), name="short")
    await bot.app()
    await logged(caplog, "the lifespan of plugin short ended early")


async def test_a_lifespan_must_be_a_context_manager(bot: Bot) -> None:
    bot.load(Plugin(lambda app: 7), name="seven")  # type: ignore[arg-type,return-value]
    with pytest.raises(StartupError) as refused:
        await bot.app()
    assert str(refused.value) == (
        "plugin seven: lifespan: returned int, not an async context manager"
    )

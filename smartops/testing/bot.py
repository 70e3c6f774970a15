"""A complete SmartOps for tests: the real gate, store and grammar, on a manual clock."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from smartops.app import App, assemble
from smartops.backend import Backend
from smartops.config import Settings
from smartops.errors import StartupError
from smartops.hookspecs import hookimpl
from smartops.message import Identity, Message, Place
from smartops.plugins import Plugins
from smartops.render import plain
from smartops.reply import Action, Reply

from .clock import ManualClock

PROVIDER = "bot"

SETTINGS: Mapping[str, Any] = {
    "guests": [{"provider": PROVIDER, "roles": ["operator"]}],
    "roles": {"operator": {}},
    "rules": [{"name": "operators", "allow": {"roles": ["operator"]}}],
    "limits": {
        name: {"limit": 100_000, "window": timedelta(minutes=1)}
        for name in ("user", "team", "burst")
    },
}


@dataclass(frozen=True, slots=True)
class BotReply:
    """A reply, with shorthands for tests."""

    reply: Reply

    @property
    def text(self) -> str:
        """The reply as plain text."""
        return plain(self.reply)

    @property
    def data(self) -> Mapping[str, Any]:
        """The reply's data for programs."""
        return self.reply.data

    @property
    def status(self) -> str:
        """``success``, ``pending`` or ``error``."""
        return self.reply.status

    @property
    def code(self) -> str:
        """The wire code of an error, else an empty string."""
        return self.reply.error.code if self.reply.error else ""

    def action(self, type: str) -> Action:
        """Return the first action of a type (confirm, cancel, command)."""
        return next(action for action in self.reply.actions if action.type == type)


class Bot:
    """Load plugins, send messages, press buttons.

    The app starts with the first :meth:`say`; load all plugins before. Time
    moves only by ``bot.clock.advance(seconds)``. Set ``asks`` for a
    conversation in which SmartOps asks for missing arguments.
    """

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.folder = folder
        self.settings: dict[str, Any] = dict(SETTINGS)
        self.channel = "bot"
        self.asks = False
        self._plugins = Plugins()
        self._app: App | None = None
        self._stop = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._numbers = itertools.count(1)

    def load(self, plugin: object, *, name: str = "", **config: Any) -> None:
        """Load a plugin (a module or any object with hooks), its section filled with ``config``.

        Raises StartupError if the plugin or its section is wrong.
        """
        name = name or str(getattr(plugin, "__name__", type(plugin).__name__))
        self._plugins.register(name, plugin)
        model = self._plugins.model(name)
        if self._plugins.problems:
            raise StartupError(*self._plugins.problems)
        self._plugins.configs[name] = model.model_validate(config) if model else None

    def add(self, *backends: Backend) -> None:
        """Load backends as one more plugin."""
        self.load(_Backends(backends), name=f"backends-{next(self._numbers)}")

    async def app(self) -> App:
        """Return the running app; start it if it is not running."""
        if self._app is None:
            url = f"sqlite:///{self.folder / 'bot.db'}"
            settings = Settings.model_validate({"store": {"url": url}, **self.settings})
            started: asyncio.Future[App] = asyncio.get_running_loop().create_future()
            app = App(assemble(settings, self._plugins, self.clock))
            self._running = asyncio.create_task(self._run(app, started))
            return await started
        return self._app

    async def _run(self, app: App, started: asyncio.Future[App]) -> None:
        """Run the app in a task of its own, so that any task may start and stop it."""
        try:
            async with app:
                self._app = app
                if not started.cancelled():
                    started.set_result(app)
                await self._stop.wait()
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    async def say(
        self, text: str, *, user: str = "alice", conversation: str = "", id: str = ""
    ) -> BotReply:
        """Send a message as ``user`` and return the reply."""
        return await self._send(user, conversation, id, text=text)

    async def press(
        self, action: Action, *, user: str = "alice", conversation: str = "", id: str = ""
    ) -> BotReply:
        """Press a button and return the reply; a ``command`` button sends its text."""
        if action.type == "command":
            return await self._send(user, conversation, id, text=action.value)
        return await self._send(user, conversation, id, action=action.value)

    async def confirm(self, text: str, *, user: str = "alice") -> BotReply:
        """Send a command that needs confirmation, confirm it, and return the final reply."""
        asked = await self.say(text, user=user)
        return await self.press(asked.action("confirm"), user=user)

    async def aclose(self) -> None:
        """Stop the app; the next :meth:`say` starts it again on the same store."""
        running, self._running, self._app = self._running, None, None
        if running is not None:
            self._stop.set()
            await running
            self._stop.clear()

    async def _send(
        self, user: str, conversation: str, id: str, *, text: str = "", action: str = ""
    ) -> BotReply:
        app = await self.app()
        message = Message(
            id=id,
            channel=self.channel,
            conversation=conversation or f"with-{user}",
            sender=Identity(PROVIDER, "", user),
            place=Place(self.channel),
            at=self.clock.now(),
            request_id=f"request-{next(self._numbers)}",
            text=text,
            action=action,
            asks=self.asks,
        )
        return BotReply(await app.handle(message))


class _Backends:
    def __init__(self, backends: Sequence[Backend]) -> None:
        self._backends = backends

    @hookimpl
    def register_backends(self) -> Sequence[Backend]:
        return self._backends

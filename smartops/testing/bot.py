"""A complete SmartOps for tests: the real gate, store and grammar, on a manual clock."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from smartops.app import App, Composition, assemble
from smartops.backend import Backend
from smartops.config import Settings
from smartops.config.fields import Section
from smartops.config.wording import wording
from smartops.errors import Problem, StartupError
from smartops.hookspecs import hookimpl
from smartops.message import Identity, Message, Place
from smartops.middleware import ProgressReporter
from smartops.plugins import Plugins
from smartops.render import plain
from smartops.reply import Action, Form, Reply
from smartops.services import Services
from smartops.store import LEASE
from smartops.work import progress_text

from .clock import ManualClock
from .running import RunningApp, restore, snapshot, store_url

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

    @property
    def form(self) -> Form:
        """The form that the reply asks to fill in."""
        return next(block for block in self.reply.view if isinstance(block, Form))

    def action(self, type: str) -> Action:
        """Return the first action of a type (confirm, cancel, command)."""
        return next(action for action in self.reply.actions if action.type == type)


class Bot:
    """Load plugins, send messages, press buttons.

    The app starts with the first :meth:`say`; load all plugins before. Time
    moves only by ``bot.clock.advance(seconds)``. Set ``asks`` for a
    conversation in which SmartOps asks for missing arguments. ``progress`` are
    the progress reports of all commands.
    """

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.folder = folder
        self.settings: dict[str, Any] = dict(SETTINGS)
        self.channel = "bot"
        self.asks = False
        self.progress: list[str] = []
        self._plugins = Plugins()
        self._composition: Composition | None = None
        self._running: RunningApp | None = None
        self._numbers = itertools.count(1)

    def load(self, plugin: object, *, name: str = "", prefix: str = "", **config: Any) -> None:
        """Load a plugin (a module or any object with hooks), its section filled with ``config``.

        Its commands begin with ``prefix``, if there is one.
        Raises StartupError if the plugin or its section is wrong.
        """
        name = name or str(getattr(plugin, "__name__", type(plugin).__name__))
        self._plugins.register(name, plugin)
        model = self._plugins.model(name) if name in self._plugins.names else None
        if self._plugins.problems:
            problems, self._plugins.problems = self._plugins.problems, []
            raise StartupError(*problems)
        self._plugins.prefixes = {**self._plugins.prefixes, name: prefix}
        self._plugins.configs[name] = _section(name, model, config)

    def add(self, *backends: Backend) -> None:
        """Load backends as one more plugin."""
        self.load(_Backends(backends), name=f"backends-{next(self._numbers)}")

    async def app(self) -> App:
        """Return the running app; start it if it is not running."""
        if self._running is None:
            self._running = RunningApp(App(self._composed()))
        try:
            return await self._running.start()
        finally:
            if self._running.ended:
                self._running = self._composition = None

    @property
    def services(self) -> Services:
        """The services that the plugins get; load all plugins before."""
        return self._composed().services

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

    async def fill(
        self,
        form: Form,
        *,
        user: str = "alice",
        conversation: str = "",
        id: str = "",
        **values: str,
    ) -> BotReply:
        """Fill in a form, submit it and return the reply."""
        return await self._send(user, conversation, "", text=form.command, form=values)

    async def confirm(self, text: str, *, user: str = "alice") -> BotReply:
        """Send a command that needs confirmation, confirm it, and return the final reply."""
        asked = await self.say(text, user=user)
        return await self.press(asked.action("confirm"), user=user)

    async def aclose(self) -> None:
        """Stop the app; the next :meth:`say` starts it again on the same store."""
        running, self._running, self._composition = self._running, None, None
        if running is not None:
            await running.stop()

    async def restart(self) -> None:
        """Kill the app as SIGKILL does, and start another once the leases of the first have ended.

        Only what was durable is left. Messages in flight raise ConnectionResetError;
        operations that can be resumed are resumed. The clock advances by the lease.
        """
        if self._running is not None:
            copy = snapshot(self._database)
            await self._running.kill()
            restore(self._database, copy)
        self._running = self._composition = None
        self.clock.advance(LEASE)
        await self.app()

    @property
    def _database(self) -> Path:
        return self.folder / "bot.db"

    def _composed(self) -> Composition:
        if self._composition is None:
            section = {"store": {"url": store_url(self._database)}, **self.settings}
            settings = Settings.model_validate(section)
            self._composition = assemble(settings, self._plugins, self.clock)
        return self._composition

    async def _send(
        self,
        user: str,
        conversation: str,
        id: str,
        *,
        text: str = "",
        action: str = "",
        form: Mapping[str, str] | None = None,
    ) -> BotReply:
        await self.app()
        assert self._running is not None
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
            form=form or {},
        )
        return BotReply(await self._running.handle(message, _Reports(self.progress)))


class _Reports(ProgressReporter):
    def __init__(self, texts: list[str]) -> None:
        self._texts = texts

    async def show(self, text: str, done: int, total: int) -> None:
        self._texts.append(progress_text(text, done, total))


def _section(name: str, model: type[BaseModel] | None, config: Mapping[str, Any]) -> Any:
    """Return a plugin's section; raises StartupError for what a file may not contain."""
    if model is None and not config:
        return None
    try:
        return (model or Section).model_validate(config, extra="forbid")
    except ValidationError as error:
        raise StartupError(
            *(
                Problem(wording(item), f"plugin {name}", ".".join(map(str, item["loc"])))
                for item in error.errors()
            )
        ) from error


class _Backends:
    def __init__(self, backends: Sequence[Backend]) -> None:
        self._backends = backends

    @hookimpl
    def register_backends(self) -> Sequence[Backend]:
        return self._backends

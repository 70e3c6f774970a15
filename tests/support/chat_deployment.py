"""One SmartOps with simulated Slack and Teams, and the fake cloud.

Both platforms are simulated over real HTTP. Everything is on one clock, which
moves while a test waits for something, and stands still otherwise.
"""

from __future__ import annotations

import copy
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio

import smartops_exec
import smartops_fake
import smartops_instances
import smartops_slack
import smartops_teams
from adaptive import loaded
from smartops import Secret
from smartops.app import App, assemble
from smartops.channels import dump_json
from smartops.config import Settings
from smartops.plugins import Plugins
from smartops.testing import ManualClock
from smartops.testing.bot import SETTINGS
from smartops.testing.running import store_url
from smartops.testing.serving import listening
from smartops_simulators.slack import SlackSimulator as Slack
from smartops_simulators.teams import TeamsSimulator as Teams
from smartops_simulators.teams.model import words

STEP = 0.05
"""Seconds by which the clock advances at each poll of a waiting test."""

FLEET = [
    {"id": "i-0abc123def", "name": "web-server-01", "tags": {"Role": "web"}},
    {"id": "i-0abc123d02", "name": "web-server-02", "tags": {"Role": "web"}},
]


PLUGINS: Mapping[str, Any] = {
    "fake": smartops_fake,
    "instances": smartops_instances,
    "exec": smartops_exec,
    "slack": smartops_slack,
    "teams": smartops_teams,
}


class Platform(ABC):
    """A platform, as people see it, with one interface for both."""

    name: str

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment

    @abstractmethod
    def identity(self, user: str) -> str:
        """Return the identity of a person, as in the configuration."""

    @abstractmethod
    async def says(self, text: str, *, user: str = "alice", place: str = "ops") -> Any:
        """Mention the bot in a channel, and return the message."""

    @abstractmethod
    async def clicks(self, shown: Any, what: str, *, user: str = "alice") -> None:
        """Press a button."""

    @abstractmethod
    def answers(self, place: str = "ops") -> Sequence[Any]:
        """Return the messages of the bot that everybody sees there."""

    def revealed(self, place: str = "ops") -> Sequence[Any]:
        """Return the messages there, without those that refer to a private chat."""
        line = "answered in our chat"
        return [item for item in self.answers(place) if not item.text.endswith(line)]

    @abstractmethod
    def private(self, user: str) -> str:
        """Return the text of the messages that only this person sees."""

    @abstractmethod
    def alone(self, user: str) -> str:
        """Return the name of the conversation of a person with the bot."""

    @abstractmethod
    def private_messages(self, user: str) -> Sequence[Any]:
        """Return the messages that only this person sees, wherever they are."""

    @abstractmethod
    def thread(self, shown: Any) -> str:
        """Return the id of the thread of a message."""

    @abstractmethod
    def rejected(self) -> Sequence[Any]:
        """Return the bot's calls that the platform refused."""

    @abstractmethod
    def whole(self, place: str = "ops") -> str:
        """Return all that can be read in a place, in messages and files."""

    @staticmethod
    def remembered(shown: Any) -> Any:
        """Return a copy of a message, as in a client that receives no edits."""
        return copy.deepcopy(shown)

    async def asked(self, place: str = "ops") -> Any:
        """Wait for a message with buttons, and return it."""
        await self.deployment.until(lambda: any(item.buttons for item in self.answers(place)))
        return next(item for item in reversed(self.answers(place)) if item.buttons)

    async def asked_alone(self, user: str = "alice") -> Any:
        """Wait for a message with buttons that only this person sees, and return it."""
        await self.deployment.until(
            lambda: any(item.buttons for item in self.private_messages(user))
        )
        return next(item for item in reversed(self.private_messages(user)) if item.buttons)

    async def settled(self, place: str = "ops") -> None:
        """Wait until the bot has posted, and then has been silent for some time."""
        await self.deployment.until(lambda: self.answers(place))
        seen = None
        while (now := [(id(item), item.edits) for item in self.answers(place)]) != seen:
            seen = now
            await self.deployment.passes(8)

    async def says_at_last(self, text: str, place: str = "ops") -> None:
        """Wait until the messages of the bot contain a text."""
        await self.deployment.until(
            lambda: text in "\n".join(item.text for item in self.answers(place))
        )


class SlackPlatform(Platform):
    name = "slack"

    @property
    def slack(self) -> Slack:
        return self.deployment.slack

    def identity(self, user: str) -> str:
        return self.slack.user(user).identity

    async def says(self, text: str, *, user: str = "alice", place: str = "ops") -> Any:
        return await self.slack.says(text, user=user, channel=place)

    async def clicks(self, shown: Any, what: str, *, user: str = "alice") -> None:
        delivered = await self.slack.clicks(shown, what, user=user)
        assert delivered.taken

    def answers(self, place: str = "ops") -> Sequence[Any]:
        return self.slack.channel(place).answers

    def private(self, user: str) -> str:
        return "\n".join(item.text for item in self.slack.ephemeral if item.to == user)

    def alone(self, user: str) -> str:
        return f"@{user}"

    def private_messages(self, user: str) -> Sequence[Any]:
        return [item for item in self.slack.ephemeral if item.to == user]

    def thread(self, shown: Any) -> str:
        return shown.thread or shown.ts

    def rejected(self) -> Sequence[Any]:
        return self.slack.rejected

    def whole(self, place: str = "ops") -> str:
        files = (file.text for file in self.slack.channel(place).files)
        return "\n".join([*(item.text for item in self.answers(place)), *files])


class TeamsPlatform(Platform):
    name = "teams"

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(deployment)
        self._notices: dict[str, list[str]] = {}

    @property
    def teams(self) -> Teams:
        return self.deployment.teams

    def identity(self, user: str) -> str:
        return self.teams.user(user).identity

    async def says(self, text: str, *, user: str = "alice", place: str = "ops") -> Any:
        return await self.teams.says(text, user=user, conversation=place)

    async def clicks(self, shown: Any, what: str, *, user: str = "alice") -> None:
        chats = self.teams.conversations.values()
        chat = next(chat for chat in chats if chat.find(shown.id))
        pressed = self.teams.of(user, chat).invoke(shown, what, {})
        answer = self.teams.saw(shown, user, await self.teams.deliver(pressed))
        assert answer.status in (200, 400, 403)
        self._notices.setdefault(user, []).append(answer.text)

    def answers(self, place: str = "ops") -> Sequence[Any]:
        return self.teams.conversation(place).answers

    def private(self, user: str) -> str:
        alone = (item.text for item in self.private_messages(user))
        return "\n".join([*self._notices.get(user, ()), *alone])

    def alone(self, user: str) -> str:
        return f"with {user}"

    def private_messages(self, user: str) -> Sequence[Any]:
        return self.answers(self.alone(user))

    def thread(self, shown: Any) -> str:
        return shown.thread

    def rejected(self) -> Sequence[Any]:
        return self.teams.rejected

    def whole(self, place: str = "ops") -> str:
        own = (words(view) for item in self.answers(place) for view in item.views.values())
        return "\n".join([*(item.text for item in self.answers(place)), *own])


@dataclass
class Deployment:
    folder: Path
    clock: ManualClock
    slack: Slack
    teams: Teams
    plugins: dict[str, dict[str, Any]] = field(default_factory=dict)
    extra: dict[str, object] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    app: App | None = None
    socket_mode: bool = False
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def __post_init__(self) -> None:
        self.platforms: Mapping[str, Platform] = {
            platform.name: platform for platform in (SlackPlatform(self), TeamsPlatform(self))
        }

    @property
    def changes(self) -> list[Mapping[str, Any]]:
        """The changes of the cloud, from its state file."""
        state = self.folder / "cloud.json"
        return json.loads(state.read_text())["changes"] if state.exists() else []

    async def start(self) -> None:
        """Serve on the store of the previous start."""
        self.app = await self._stack.enter_async_context(App(self.composed()))
        url = await self._stack.enter_async_context(listening(self.app))
        self.slack.bot = self.teams.bot = url

    async def stop(self) -> None:
        stack, self._stack = self._stack, AsyncExitStack()
        await stack.aclose()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def until(self, wanted: Callable[[], Any], *, step: float = STEP) -> None:
        """Advance the clock until a condition holds."""
        with anyio.fail_after(10):
            while not wanted():
                await anyio.sleep(0.002)
                self.clock.advance(step)

    async def passes(self, seconds: float) -> None:
        """Advance the clock in small steps, so that due work runs."""
        end = self.clock.time() + seconds
        await self.until(lambda: self.clock.time() >= end, step=max(STEP, seconds / 50))

    def composed(self) -> Any:
        """Return what an app is made of; several apps are replicas."""
        plugins = Plugins()
        for name, module in PLUGINS.items():
            plugins.register(name, module)
            model = plugins.model(name)
            plugins.configs[name] = model.model_validate(self._section(name)) if model else None
        people = {
            name: {
                "roles": ["operator"],
                "identities": [platform.identity(name) for platform in self.platforms.values()],
            }
            for name in ("alice", "bob")
        }
        for name, plugin in self.extra.items():
            plugins.register(name, plugin)
        url = store_url(self.folder / "deployment.db")
        server = {"shutdown_timeout": timedelta(seconds=0.2)}
        changes = {"people": people, "store": {"url": url}, "server": server, "guests": []}
        changes |= self.settings
        assert not plugins.problems
        return assemble(Settings.model_validate({**SETTINGS, **changes}), plugins, self.clock)

    def _section(self, name: str) -> dict[str, Any]:
        usual: dict[str, Any] = {
            "fake": {"fleet": FLEET, "state_file": self.folder / "cloud.json"},
            "exec": {"scripts": [{"template": "seq {count}", "read_only": True}]},
            "slack": {},
            "teams": {},
            "instances": {"follow": timedelta(0)},
        }[name]
        if name == "slack":
            secret = ("bot_token", "signing_secret", "app_token")
            usual = {
                key: Secret(value) if key in secret else value
                for key, value in self.slack.settings(socket_mode=self.socket_mode).items()
            }
        if name == "teams":
            usual = self.teams.settings(client_secret=Secret("simulated"))
        return {**usual, **self.plugins.get(name, {})}


def check(card: dict[str, Any]) -> None:
    """Validate a card by Microsoft's schema; raises AssertionError."""
    loaded(dump_json(card).decode())


@asynccontextmanager
async def deployed(folder: Path) -> AsyncIterator[Deployment]:
    clock = ManualClock()
    async with Slack.start(clock=clock) as slack, Teams.start(clock=clock) as teams:
        teams.check_card = check
        deployment = Deployment(folder, clock, slack, teams)
        try:
            yield deployment
        finally:
            await deployment.stop()

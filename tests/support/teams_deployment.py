"""A SmartOps on a real port with a simulated Teams, on one clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import anyio

import smartops_teams
from adaptive import loaded
from smartops import (
    Action,
    Cell,
    Code,
    Command,
    Plan,
    Reply,
    Secret,
    Severity,
    Table,
    Work,
    command,
    hookimpl,
)
from smartops.app import App, Composition, assemble
from smartops.channels import dump_json
from smartops.config import Settings
from smartops.plugins import Plugins
from smartops.testing import ManualClock
from smartops.testing.bot import SETTINGS
from smartops.testing.serving import listening
from smartops_simulators.teams import TeamsSimulator
from smartops_teams import TeamsChannel, TeamsConfig


class Lamps:
    """A plugin with changes, long replies and slow commands."""

    def __init__(self) -> None:
        self.switched: list[str] = []
        self.proceed = anyio.Event()

    @hookimpl
    def register_commands(self) -> Sequence[Command]:
        @command("switch {lamp}", effect="change")
        async def switch(lamp: str) -> str:
            """Switch a lamp."""
            self.switched.append(lamp)
            return f"{lamp} is on."

        @switch.plan
        async def plan(lamp: str) -> Plan:
            return Plan(f"Switch {lamp}")

        @command("blink {lamp}", effect="change", resumable=True)
        async def blink(lamp: str, work: Work) -> str:
            """Blink slowly."""
            await work.progress("blinking", done=1, total=2)
            await self.proceed.wait()
            self.switched.append(lamp)
            return f"{lamp} has blinked."

        @blink.plan
        async def blink_plan(lamp: str) -> Plan:
            return Plan(f"Blink {lamp}")

        @command("print {count}")
        async def print_lines(count: int) -> Reply:
            """Print many lines."""
            return Reply.of(
                Code("\n".join(map(line, range(count))), title="Output"), "That is all."
            )

        @command("table {count}")
        async def table(count: int) -> Reply:
            """List many things."""
            state = Cell("running", Severity.GOOD)
            rows = tuple((f"web-server-{n:04d}", f"i-{n:017x}", state) for n in range(count))
            return Reply.of(Table(("Name", "Id", "State"), rows))

        @command("paint {lamp} {colour}")
        async def paint(lamp: str, colour: Literal["red", "blue"], layers: int = 1) -> str:
            """Paint a lamp."""
            return f"{lamp} is {colour} in {layers} layers."

        @command("ponder")
        async def ponder() -> str:
            """Wait until the test proceeds."""
            await self.proceed.wait()
            return "I have thought."

        @command("menu")
        async def menu() -> Reply:
            """Offer something."""
            actions = [
                Action("command", "Print", "print 1500"),
                Action("command", "Who am I", "whoami"),
            ]
            return Reply.of("What will it be?", actions=actions)

        return [menu, switch, blink, print_lines, table, paint, ponder]


def line(number: int) -> str:
    return f"line {number:05d} of the output {'x' * (number % 60)}"


@dataclass
class Deployment:
    """SmartOps and a simulated Teams."""

    folder: Path
    clock: ManualClock
    teams: TeamsSimulator
    lamps: Lamps = field(default_factory=Lamps)
    teams_settings: dict[str, Any] = field(default_factory=dict)
    app: App | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def channel(self) -> TeamsChannel:
        assert self.app is not None
        (channel,) = self.app.channels
        assert isinstance(channel, TeamsChannel)
        return channel

    async def start(self) -> None:
        """Serve on the store of the previous start."""
        self.app = await self._stack.enter_async_context(App(self._composed()))
        self.teams.bot = await self._stack.enter_async_context(listening(self.app))

    async def stop(self) -> None:
        stack, self._stack = self._stack, AsyncExitStack()
        await stack.aclose()

    async def settled(self) -> None:
        """Wait until nothing is being sent to the connector."""
        for _ in range(20):
            await anyio.sleep(0.005)

    def config(self) -> TeamsConfig:
        section = self.teams.settings(client_secret=Secret("simulated")) | self.teams_settings
        return TeamsConfig.model_validate(section)

    def _composed(self) -> Composition:
        plugins = Plugins()
        plugins.register("teams", smartops_teams)
        plugins.register("lamps", self.lamps)
        plugins.configs = {"teams": self.config(), "lamps": None}
        people = {
            name: {"roles": ["operator"], "identities": [self.teams.user(name).identity]}
            for name in ("alice", "bob")
        }
        url = f"sqlite:///{self.folder / 'deployment.db'}"
        server = {"shutdown_timeout": timedelta(seconds=0.2)}
        changes = {"people": people, "store": {"url": url}, "server": server, "guests": []}
        settings = Settings.model_validate({**SETTINGS, **changes})
        return assemble(settings, plugins, self.clock)


def check(card: dict[str, Any]) -> None:
    """Validate a card by Microsoft's schema; raises AssertionError."""
    loaded(dump_json(card).decode())


@asynccontextmanager
async def time_lapse(clock: ManualClock, speed: float = 25.0) -> AsyncIterator[None]:
    """Advance the clock faster than real time."""

    async def run() -> None:
        while True:
            await anyio.sleep(0.004)
            clock.advance(0.004 * speed)

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        yield
        group.cancel_scope.cancel()


@asynccontextmanager
async def deployed(folder: Path, **simulated: Any) -> AsyncIterator[Deployment]:
    clock = ManualClock()
    async with TeamsSimulator.start(clock=clock, **simulated) as teams:
        teams.check_card = check
        deployment = Deployment(folder, clock, teams)
        await deployment.start()
        try:
            yield deployment
        finally:
            await deployment.stop()

"""Capabilities that a plugin defines: given to its commands, and joined like those of SmartOps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import pytest

from smartops import (
    BackendUnavailable,
    Call,
    Clock,
    Command,
    Reply,
    StartupError,
    command,
    hookimpl,
)
from smartops.backends import Backend, Group, failures_of
from smartops.testing import Bot

pytestmark = pytest.mark.anyio


class Bells(Backend):
    """What rings."""

    @abstractmethod
    async def ringing(self, prefix: str = "") -> Sequence[str]:
        """Return the names of the bells that ring."""

    @abstractmethod
    async def volumes(self) -> Mapping[str, int]:
        """Return the volume of each bell."""

    async def count(self) -> int:
        """Return how many ring."""
        return len(await self.ringing())


class Tower(Bells):
    """Bells in memory; without any it is away."""

    def __init__(self, name: str, *bells: str) -> None:
        self.name = name
        self._bells = bells

    async def ping(self) -> None:
        if not self._bells:
            raise BackendUnavailable("The tower is closed")

    async def ringing(self, prefix: str = "") -> Sequence[str]:
        await self.ping()
        return [bell for bell in self._bells if bell.startswith(prefix)]

    async def volumes(self) -> Mapping[str, int]:
        await self.ping()
        return {bell: len(bell) for bell in self._bells}


@command("ring [{prefix}]")
async def ring(bells: Bells, prefix: str = "") -> Reply:
    """List the bells that ring."""
    found = await bells.ringing(prefix)
    volumes = await bells.volumes()
    failed = [str(item) for item in failures_of(found)]
    assert list(map(str, failures_of(volumes))) == failed
    data = {"bells": list(found), "volumes": dict(volumes), "failed": failed}
    return Reply.of("Listed.", data={**data, "count": await bells.count()})


def load(bot: Bot, *backends: Backend, commands: Sequence[Command] = (ring,)) -> None:
    module = ModuleType("bells")
    module.register_backends = hookimpl(lambda: backends)  # type: ignore[attr-defined]
    module.register_commands = hookimpl(lambda: commands)  # type: ignore[attr-defined]
    bot.load(module)


async def test_a_command_gets_the_backend_of_a_capability_of_ones_own(bot: Bot) -> None:
    load(bot, Tower("north", "big", "small"))
    assert (await bot.say("ring b")).data["bells"] == ["big"]


async def test_several_backends_are_asked_together_and_those_that_failed_are_named(
    bot: Bot,
) -> None:
    load(bot, Tower("north", "big"), Tower("south"), Tower("west", "bronze"))
    answer = await bot.say("ring")
    assert answer.data == {
        "bells": ["big", "bronze"],
        "volumes": {"big": 3, "bronze": 6},
        "failed": ["south: The tower is closed"],
        "count": 2,
    }
    checks = {check.name: check.text for check in await (await bot.app()).readiness()}
    assert checks["backend south"] == "The tower is closed"
    assert checks["backend north"] == ""


async def test_a_call_that_no_backend_answers_is_refused(bot: Bot) -> None:
    load(bot, Tower("north"), Tower("south"))
    answer = await bot.say("ring")
    assert answer.code == "BACKEND_UNAVAILABLE"
    assert "The tower is closed" in answer.text
    assert "In north, south" in answer.text


async def test_an_optional_capability_may_be_missing(bot: Bot) -> None:
    @command("ring loudly")
    async def loudly(call: Call, bells: Bells | None) -> str:
        """Ring."""
        return "there are no bells" if bells is None else "ringing"

    load(bot, commands=[loudly])
    assert (await bot.say("ring loudly")).text == "there are no bells"


async def test_a_missing_backend_is_a_startup_error(bot: Bot) -> None:
    load(bot)
    with pytest.raises(StartupError, match="'ring' needs a Bells backend, and none is loaded"):
        await bot.app()


class Clappers(Bells):
    """A capability with methods whose results cannot be put together."""

    @abstractmethod
    async def swing(self) -> None:
        """Move."""


class Swinging(Tower, Clappers):
    async def swing(self) -> None:
        """Move."""


@command("swing")
async def swing(clappers: Clappers) -> str:
    """Swing the clappers."""
    await clappers.swing()
    return str(await clappers.count())


class SwingAll(Group[Clappers], Clappers):
    """Swings the clappers of all backends."""

    async def swing(self) -> None:
        for backend in self._backends.values():
            await backend.swing()

    async def ringing(self, prefix: str = "") -> Sequence[str]:
        return list(self.members)

    async def volumes(self) -> Mapping[str, int]:
        return {}


async def test_a_capability_says_itself_how_its_backends_are_joined(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def join(backends: Sequence[Clappers], clock: Clock) -> Clappers:
        return SwingAll(backends, clock)

    monkeypatch.setattr(Clappers, "join", join, raising=False)
    load(bot, Swinging("north", "big"), Swinging("south", "small"), commands=[swing])
    assert (await bot.say("swing")).text == "2"


@pytest.mark.parametrize(
    ("join", "reason"),
    [
        (None, "swing is no coroutine function that returns a list, a tuple or a mapping"),
        (lambda backends, clock: backends[0].name, "join returned str, which is no Clappers"),
        (lambda backends: backends[0], "takes 1 positional argument but 2 were given"),
    ],
)
async def test_backends_that_cannot_be_joined_are_a_startup_error(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, join: Any, reason: str
) -> None:
    monkeypatch.setattr(Clappers, "join", join, raising=False)
    load(bot, Swinging("north", "big"), Swinging("south", "small"), commands=[swing])
    with pytest.raises(StartupError) as found:
        await bot.app()
    (problem,) = found.value.problems
    assert reason in problem.text
    assert "north and south" in problem.text
    assert problem.hint == "define a classmethod join(backends, clock) in Clappers"


def test_a_concrete_backend_is_no_capability() -> None:
    with pytest.raises(TypeError, match="Tower, which is a backend; annotate it with the abstract"):

        @command("ring tower")
        async def ring_tower(tower: Tower) -> str:
            """Ring."""
            return ""

"""The tests that every command that runs text must pass."""
# ruff: noqa: D102 - the name of a test says what it requires

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import anyio
import pytest

from smartops.command import Call, Effect
from smartops.guard import Guard
from smartops.hookspecs import hookimpl
from smartops.plan import Plan

from .bot import Bot, BotReply
from .clock import ManualClock

BLANKS = (" ", "\t", "\n", "\r\n", "\v", "\x1f", "\x85", "\u00a0", "\u2003", "\u2028", "\u3000")
QUOTES = ('"', "'", "`", "")


@pytest.mark.anyio
class RunsTextContract:
    """A command that runs text, such as a script, runs what the policy decided on.

    ``text`` is one that it runs, ``argument`` the parameter that has it.
    """

    text: ClassVar[str]
    argument: ClassVar[str]

    @pytest.fixture
    def ran(self, bot: Bot) -> Sequence[str]:
        """Load the plugin, and return the list to which its backend adds each text it runs."""
        raise NotImplementedError("override the fixture ran")

    def message(self, written: str) -> str:
        """Return the message that runs a text that is written like this."""
        raise NotImplementedError("override message")

    async def test_what_runs_is_to_the_character_what_the_policy_saw(
        self, bot: Bot, ran: Sequence[str]
    ) -> None:
        seen = _Seen(self.argument)
        bot.load(seen)
        for written in self._spellings():
            before = len(ran)
            await self._run(bot, written)
            assert list(ran[before:]) in ([], seen.texts[-1:]), f"written as {written!r}"
        assert len(ran) >= len(QUOTES)
        assert seen.planned <= set(seen.texts)

    async def test_a_rule_that_denies_the_text_denies_it_however_it_is_written(
        self, bot: Bot, ran: Sequence[str]
    ) -> None:
        deny = {"name": "not-this", "deny": {"arguments": {self.argument: [self.text]}}}
        bot.settings["rules"] = [*bot.settings["rules"], deny]
        for written in self._spellings():
            assert (await self._run(bot, written)).status == "error", f"written as {written!r}"
        assert not ran

    def _spellings(self) -> Sequence[str]:
        around = [("", ""), *((blank, "") for blank in BLANKS), *(("", blank) for blank in BLANKS)]
        return [
            f"{quote}{before}{self.text}{after}{quote}"
            for quote in QUOTES
            for before, after in around
        ]

    async def _run(self, bot: Bot, written: str) -> BotReply:
        """Send the message, and confirm it if that is asked for, while the clock advances."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_advance, bot.clock)
            reply = await bot.say(self.message(written))
            if reply.status == "pending":
                reply = await bot.press(reply.action("confirm"))
            tasks.cancel_scope.cancel()
        return reply


class _Seen:
    """A plugin whose guard notes the texts in calls: the policy decides on the same calls."""

    def __init__(self, argument: str) -> None:
        self.argument = argument
        self.texts: list[Any] = []
        self.planned: set[str] = set()

    @hookimpl
    def register_guards(self) -> Sequence[Guard]:
        return [self.note]

    async def note(self, call: Call, _effect: Effect, plan: Plan | None) -> None:
        self.texts.append(call.arguments.get(self.argument))
        if plan is not None and plan.command:
            self.planned.add(plan.command)


async def _advance(clock: ManualClock) -> None:
    while True:
        await anyio.sleep(0.001)
        clock.advance(0.25)

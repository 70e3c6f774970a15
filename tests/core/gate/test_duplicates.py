"""The same message several times at once, at one replica or at two, is answered by one run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import ModuleType

import anyio
import pytest

from smartops import Call, Identity, Message, Text, Work, command, hookimpl
from smartops.channels import Place
from smartops.middleware.duplicates import digest_of, idempotency_key
from smartops.store import LEASE, Store
from smartops.testing import Bot
from smartops.testing.bot import BotReply

pytestmark = pytest.mark.anyio


class Commands:
    """Two commands that wait for `release`, and how often they ran."""

    def __init__(self) -> None:
        self.runs = 0
        self.release = anyio.Event()

    def load(self, bot: Bot) -> None:
        @command("measure")
        async def measure(call: Call) -> str:
            """Measure."""
            self.runs += 1
            await self.release.wait()
            return f"measured {self.runs}"

        @command("probe")
        async def probe(work: Work) -> str:
            """Measure in an operation."""
            return await work.once("measure", lambda: measure.handler(None))

        module = ModuleType("lines")
        module.register_commands = hookimpl(lambda: [measure, probe])  # type: ignore[attr-defined]
        bot.load(module)


@pytest.fixture
def commands(bot: Bot) -> Commands:
    commands = Commands()
    commands.load(bot)
    return commands


@asynccontextmanager
async def replica(of: Bot, commands: Commands) -> AsyncIterator[Bot]:
    other = Bot(of.folder)
    other.clock = of.clock
    commands.load(other)
    await other.app()
    try:
        yield other
    finally:
        await other.aclose()


async def passing(bot: Bot, tasks: Sequence[asyncio.Task[BotReply]]) -> list[BotReply]:
    """Let time pass until all is answered."""
    with anyio.fail_after(20):
        while not all(task.done() for task in tasks):
            bot.clock.advance(0.1)
            await anyio.sleep(0.001)
    return [await task for task in tasks]


@pytest.mark.parametrize("text", ["measure", "probe"])
async def test_five_duplicates_at_once_run_the_command_once(
    bot: Bot, commands: Commands, text: str
) -> None:
    await bot.app()
    tasks = [asyncio.create_task(bot.say(text, id="1")) for _ in range(5)]
    while not commands.runs:
        await anyio.sleep(0.001)
    commands.release.set()
    answers = await passing(bot, tasks)
    assert [answer.text for answer in answers] == ["measured 1"] * 5
    assert commands.runs == 1
    assert (await bot.say(text, id="2")).text == "measured 2"


@pytest.mark.parametrize("text", ["measure", "probe"])
async def test_duplicates_at_two_replicas_run_the_command_once(
    bot: Bot, commands: Commands, text: str
) -> None:
    await bot.app()
    async with replica(bot, commands) as there:
        tasks = [asyncio.create_task(at.say(text, id="1")) for at in (bot, there, bot, there)]
        for _ in range(int(10 * LEASE) * 2):  # so long that leases have to be renewed
            bot.clock.advance(0.1)
            await anyio.sleep(0.001)
        commands.release.set()
        answers = await passing(bot, tasks)
    assert [answer.text for answer in answers] == ["measured 1"] * 4
    assert commands.runs == 1


async def test_every_replica_returns_a_late_answer(bot: Bot, commands: Commands) -> None:
    here = await bot.app()
    said = message(bot, "measure")
    async with replica(bot, commands) as other:
        there = await other.app()
        assert await here.answer(said, 0.02) is None
        while not commands.runs:
            await anyio.sleep(0.001)
        idle = bot.clock.sleepers
        for app in (there, here, there):
            assert await app.answer(said, 0.02) is None
        with anyio.fail_after(10):
            while bot.clock.sleepers > idle:  # no duplicate waits longer than its request
                await anyio.sleep(0.001)
            commands.release.set()
            replies = [await app.answer(said, 5) for app in (here, there)]
    assert [reply and reply.view for reply in replies] == [(Text("measured 1"),)] * 2
    assert commands.runs == 1


def message(bot: Bot, text: str) -> Message:
    return Message(
        id="1",
        channel="bot",
        conversation="with-alice",
        sender=Identity("bot", "", "alice"),
        place=Place("bot"),
        at=bot.clock.now(),
        request_id="killed",
        text=text,
    )


async def test_a_waiting_duplicate_runs_what_a_killed_process_claimed(
    bot: Bot, commands: Commands
) -> None:
    await bot.app()
    killed = await Store.open(f"sqlite:///{bot.folder / 'bot.db'}", bot.clock)
    claimed = message(bot, "measure")
    assert await killed.claim(idempotency_key(claimed), digest_of(claimed))
    await killed.aclose()
    commands.release.set()
    async with replica(bot, commands) as there:
        tasks = [asyncio.create_task(at.say("measure", id="1")) for at in (bot, there, bot)]
        await anyio.sleep(0.05)
        assert commands.runs == 0
        answers = await passing(bot, tasks)
    assert [answer.text for answer in answers] == ["measured 1"] * 3
    assert commands.runs == 1


async def test_a_waiting_duplicate_runs_if_the_first_one_was_rate_limited(
    bot: Bot, commands: Commands
) -> None:
    bot.settings["limits"] = {"user": {"limit": 1, "window": "1m"}}
    commands.release.set()
    await bot.say("whoami")
    tasks = [asyncio.create_task(bot.say("measure", id="1")) for _ in range(2)]
    assert [answer.code for answer in await passing(bot, tasks)] == ["RATE_LIMITED"] * 2
    assert commands.runs == 0


async def test_a_waiting_duplicate_runs_if_the_first_one_was_cancelled(
    bot: Bot, commands: Commands
) -> None:
    await bot.app()
    first = asyncio.create_task(bot.say("measure", id="1"))
    while not commands.runs:
        await anyio.sleep(0.001)
    second = asyncio.create_task(bot.say("measure", id="1"))
    await anyio.sleep(0.02)
    first.cancel()
    commands.release.set()
    (answer,) = await passing(bot, [second])
    assert (answer.text, commands.runs) == ("measured 2", 2)


async def test_an_id_with_other_content_is_refused(bot: Bot, commands: Commands) -> None:
    await bot.app()
    first = asyncio.create_task(bot.say("measure", id="1"))
    while not commands.runs:
        await anyio.sleep(0.001)
    meanwhile = await bot.say("whoami", id="1")
    commands.release.set()
    assert (await first).text == "measured 1"
    for other in (meanwhile, await bot.say("whoami", id="1")):
        error = other.reply.error
        assert error is not None
        assert (error.code, error.status) == ("VALIDATION_ERROR", 409)
        assert "measured" not in other.text
    assert (await bot.say("measure", id="1")).text == "measured 1"

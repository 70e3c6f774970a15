"""Functions that are not coroutine functions: they run in threads, and are bounded."""

from __future__ import annotations

import threading
from datetime import timedelta
from types import ModuleType
from typing import Any

import anyio
import anyio.from_thread
import pytest

from smartops import Change, Command, Plan, Work, command, hookimpl, threads
from smartops.testing import Bot

pytestmark = pytest.mark.anyio


def plugin(*commands: Command) -> ModuleType:
    module = ModuleType("acme")
    module.register_commands = hookimpl(lambda: list(commands))  # type: ignore[attr-defined]
    return module


async def test_handler_plan_and_classify_may_be_plain_functions(bot: Bot) -> None:
    names: list[str] = []

    @command("resize {disk}", effect="dangerous")
    def resize(disk: str, plan: Plan, work: Work) -> str:
        """Resize a disk."""
        names.append(threading.current_thread().name)
        anyio.from_thread.run(work.progress, "half way")
        return f"{plan.summary}: done"

    @resize.plan
    def plan(disk: str) -> Plan:
        names.append(threading.current_thread().name)
        return Plan(f"Resize {disk}", (Change(disk, "size", "1", "2"),))

    @resize.classify
    def classify(disk: str) -> str:
        names.append(threading.current_thread().name)
        return "change"

    bot.load(plugin(resize))
    assert (await bot.confirm("resize sda")).text == "Resize sda: done"
    assert threading.main_thread().name not in names


async def test_what_a_thread_raises_fails_only_its_message(bot: Bot) -> None:
    errors = iter([StopIteration(), SystemExit(2), KeyError("x")])

    @command("fail")
    def fail() -> str:
        """Fail."""
        raise next(errors)

    bot.load(plugin(fail))
    for _ in range(3):
        assert (await bot.say("fail")).code == "INTERNAL_ERROR"
    assert (await bot.say("whoami")).status == "success"


async def test_threads_that_outlast_their_deadline_are_bounded(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "THREADS", 1)
    release, started = threading.Event(), threading.Semaphore(0)

    @command("hang", effect="read", deadline=timedelta(seconds=5))
    def hang() -> str:
        """Hang."""
        started.release()
        release.wait(20)
        return "done"

    async def late() -> Any:
        answers: list[Any] = []

        async def say() -> None:
            answers.append(await bot.say("hang"))

        async with anyio.create_task_group() as group:
            group.start_soon(say)
            assert await anyio.to_thread.run_sync(started.acquire, True, 10)
            bot.clock.advance(6)
        return answers[0]

    bot.load(plugin(hang))
    assert [(await late()).code for _ in range(2)] == ["TIMEOUT", "TIMEOUT"]
    refused = await bot.say("hang")
    assert refused.code == "BACKEND_UNAVAILABLE"
    assert "Earlier calls of hang have not ended" in refused.text
    release.set()

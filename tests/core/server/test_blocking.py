"""Commands that block: the event loop, which is found and logged, or only their thread."""

from __future__ import annotations

import threading
import time
from typing import Any

import anyio
import pytest

from smartops.app import watchdog

pytestmark = pytest.mark.anyio


async def test_a_command_that_blocks_the_event_loop_is_logged_with_its_stack_and_counted(
    server: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "LIMIT", 0.01)

    def found() -> list[Any]:
        return [item for item in caplog.records if "blocks the event loop" in item.message]

    def compute() -> None:
        until = time.monotonic() + 10
        while time.monotonic() < until and not found():
            pass

    server.deployment.block = compute
    answer = await server.say("block")
    assert answer.body["data"]["message"] == "done"
    (record,) = found()
    assert record.message.startswith("command 'block' of deployment blocks the event loop")
    assert "in compute" in record.exception
    assert "in block" in record.exception
    metrics = await server.request("GET", "/metrics")
    assert 'smartops_loop_blocked_total{command="block"} 1.0' in metrics.text


async def test_a_function_that_is_not_async_blocks_only_its_thread(server: Any) -> None:
    started, release = threading.Event(), threading.Event()

    def block() -> None:
        started.set()
        release.wait(10)

    server.deployment.block = block
    answers = []

    async def wait() -> None:
        answers.append(await server.say("wait"))

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await server.until(started.is_set)
        assert (await server.say("ping")).body["data"]["message"] == "pong"
        release.set()
    assert answers[0].body["data"]["message"] == "done"

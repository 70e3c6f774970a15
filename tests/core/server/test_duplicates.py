"""One id over HTTP: sent again meanwhile, it waits; with another text, it is a conflict."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

pytestmark = pytest.mark.anyio


async def test_concurrent_duplicates_run_once(start: Any) -> None:
    server = await start()
    answers: list[Any] = []

    async def send() -> None:
        answers.append(await server.post({"id": "1", "text": "hang on"}))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(send)
        await server.deployment.started.wait()
        other = await server.post({"id": "1", "text": "ping"})
        server.deployment.release.set()
    assert [answer.body["data"]["message"] for answer in answers] == ["done"] * 5
    assert server.deployment.finished == 1
    assert (other.status, other.error["code"]) == (409, "VALIDATION_ERROR")


async def test_an_id_used_for_another_text_is_a_conflict(start: Any) -> None:
    server = await start()
    asked = await server.post({"id": "1", "text": "open door"})
    again = await server.post({"id": "1", "text": "open door"})
    assert again.body["data"]["message"] == asked.body["data"]["message"]
    conflict = await server.post({"id": "1", "text": "ping"})
    assert (conflict.status, conflict.error["code"]) == (409, "VALIDATION_ERROR")
    assert "id" in conflict.error["message"]
    confirm = asked.body["data"]["actions"][0]["action"]
    assert (await server.post({"id": "1", "value": {"action": confirm}})).status == 409
    assert server.deployment.door == "shut"


async def test_a_late_answer_is_not_given_to_another_text(start: Any) -> None:
    server = await start(wait="50ms")
    assert (await server.post({"id": "1", "text": "hang on"})).body["status"] == "pending"
    assert (await server.post({"id": "1", "text": "ping"})).status == 409
    server.deployment.release.set()
    await server.until(lambda: server.deployment.finished)
    answer = await server.post({"id": "1", "text": "hang on"})
    assert answer.body["data"]["message"] == "done"

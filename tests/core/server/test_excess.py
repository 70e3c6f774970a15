"""Messages beyond the limits: refused, refused briefly, and bounded in number."""

from __future__ import annotations

from collections import Counter
from typing import Any

import anyio
import pytest

from smartops.app import delivery
from smartops.server import bounds

pytestmark = pytest.mark.anyio

MANY = {"limit": 10_000, "window": "1m"}
FEW = {"user": {"limit": 3, "window": "1m"}, "team": MANY, "burst": MANY}


async def outcomes(server: Any, person: str) -> Counter[str]:
    return Counter(event.outcome for event in await server.app.store.history(person, 100))


async def test_duplicates_count_in_the_limits_and_have_no_audit_event(start: Any) -> None:
    server = await start(limits=FEW)
    answers = [await server.post({"id": "1", "text": "open door"}) for _ in range(20)]
    assert [answer.status for answer in answers] == [200] * 3 + [429] * 17
    assert await outcomes(server, "local:alice") == {"pending": 1, "RATE_LIMITED": 1}


async def test_a_flood_in_a_chat_is_answered_once_in_each_window(start: Any) -> None:
    server = await start(limits=FEW)
    for _ in range(5):
        noted = await server.request(
            "POST", "/api/messages", json=["ping"] * 20, headers={"X-Push": "secret"}
        )
        assert noted.status == 202
    await server.until(lambda: not server.app._delivery.keys)
    sent = Counter(reply.error.code if reply.error else "" for _, reply in server.push.sent)
    assert sent == {"": 3, "RATE_LIMITED": 1}
    assert await outcomes(server, "local:pusher") == {"success": 3, "RATE_LIMITED": 1}


async def test_messages_in_flight_are_bounded(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "MOST", 3)
    server = await start()

    async def push() -> int:
        pushed = await server.request(
            "POST", "/api/messages", json=["hang on"], headers={"X-Push": "secret"}
        )
        status: int = pushed.status
        return status

    assert [await push() for _ in range(5)] == [202] * 3 + [503] * 2
    assert (await server.say("ping")).status == 503
    server.deployment.release.set()
    await server.until(lambda: not server.app._delivery.keys)
    assert (await push(), (await server.say("ping")).status) == (202, 200)


async def test_a_flood_of_forged_tokens_is_refused_later_and_delays_no_other(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "REFUSALS", 3)
    server = await start()
    slept, statuses = anyio.Event(), []

    async def sleep(seconds: float) -> None:
        assert seconds == bounds.REFUSAL_PAUSE
        await slept.wait()

    clock = server.app.composition.services.clock
    monkeypatch.setattr(clock, "sleep", sleep)
    monkeypatch.setattr(clock, "time", lambda: 1e9)

    async def forged() -> None:
        sent = await server.request(
            "POST", "/api/messages", json={}, headers={"Authorization": "Bearer forged"}
        )
        statuses.append(sent.status)

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(forged)
        await server.until(lambda: len(statuses) == 3)
        assert (await server.request("GET", "/livez")).status == 200
        assert len(statuses) == 3
        slept.set()
    assert statuses == [401] * 5

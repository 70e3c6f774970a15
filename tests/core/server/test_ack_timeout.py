"""Channels with an ack timeout: a pending reply in time, and the reply afterwards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from smartops import Message, Reply
from smartops.channels import Claims, Inbound, Receipt, Response
from smartops.render import plain

pytestmark = pytest.mark.anyio


def answer_in_response(server: Any, seconds: float, **more: Any) -> None:
    """Make the channel reply in the response, within an ack timeout."""
    push = server.push

    def read(inbound: Inbound, claims: Claims) -> Receipt:
        messages = tuple(map(push.message, json.loads(inbound.body)))
        return Receipt(messages, waits=True, ack_timeout=seconds)

    def respond(messages: Sequence[Message], replies: Sequence[Reply]) -> Response:
        texts = [plain(reply) for reply in replies]
        return Response(body="; ".join(texts).encode(), content_type="text/plain")

    push.read, push.respond = read, respond


def answers(server: Any) -> list[tuple[str, str]]:
    """Return what was sent, without pending replies."""
    sent = server.push.sent
    return [(text, plain(reply)) for text, reply in sent if reply.status != "pending"]


async def ask(server: Any, *texts: str) -> str:
    answer = await server.request(
        "POST", "/api/messages", json=list(texts), headers={"X-Push": "secret"}
    )
    assert answer.status == 200
    return str(answer.text)


async def test_a_quick_reply_is_in_the_response(start: Any) -> None:
    server = await start(api=False)
    answer_in_response(server, 5.0)
    assert await ask(server, "ping") == "pong"
    assert server.push.sent == []


async def test_a_slow_reply_is_sent_later(start: Any) -> None:
    server = await start(api=False)
    answer_in_response(server, 0.05)
    assert await ask(server, "hang on") == "Working on it"
    assert answers(server) == []
    server.deployment.release.set()
    await server.until(lambda: answers(server))
    assert answers(server) == [("hang on", "done")]
    assert server.deployment.finished == 1


async def test_redelivered_messages_are_answered_once(start: Any) -> None:
    server = await start(api=False)
    answer_in_response(server, 0.05)
    server.push.message = lambda text, make=server.push.message: make_same(make, text)
    async with anyio.create_task_group() as group:

        async def one() -> None:
            assert await ask(server, "hang on") == "Working on it"

        for _ in range(3):
            group.start_soon(one)
            await server.deployment.started.wait()
            await anyio.lowlevel.checkpoint()
    assert await ask(server, "hang on") == "Working on it"
    server.deployment.release.set()
    await server.until(lambda: answers(server))
    assert answers(server) == [("hang on", "done")]


def make_same(make: Any, text: str) -> Message:
    from dataclasses import replace

    return replace(make(text), id="the same id")

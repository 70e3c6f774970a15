import json

import anyio
import pytest

from smartops.server.bodies import TOGETHER, Bodies
from smartops.server.refusals import TooBusy, TooLarge

pytestmark = pytest.mark.anyio


def receiving(*chunks: bytes, end: bool = True):
    """Return what a server hands over for a body that comes in these pieces."""
    events = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    events.append({"type": "http.request", "body": b"", "more_body": False})
    if not end:
        events.pop()

    async def receive():
        if not events:
            await anyio.sleep_forever()
        return events.pop(0)

    return receive


async def test_a_body_declared_too_large_is_drained():
    left = [{"type": "http.request", "body": b"x" * 60, "more_body": True}] * 3
    left += [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive():
        return left.pop(0)

    with pytest.raises(TooLarge):
        await Bodies(50, 5).read([(b"content-length", b"180")], receive)
    assert left == []


@pytest.mark.parametrize("length", [b"51", b"9" * 30, b"9" * 5000, b"five", b"-1", b""])
async def test_an_invalid_or_too_large_content_length_is_refused(length):
    with pytest.raises(TooLarge):
        await Bodies(50, 5).read([(b"content-length", length)], receiving(b"{}"))


async def test_draining_is_bounded():
    taken = 0

    async def receive():
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": b"x" * 65536, "more_body": True}

    with pytest.raises(TooLarge):
        await Bodies(50, 5).read([(b"content-length", b"1000000000")], receive)
    assert taken == 16


async def test_incomplete_bodies_share_a_limit():
    bodies = Bodies(1024, 5)
    outcomes = []

    async def hold():
        with anyio.move_on_after(0.2):
            try:
                await bodies.read([], receiving(b"x" * 1024, end=False))
            except TooBusy as busy:
                outcomes.append(busy)

    async with anyio.create_task_group() as group:
        for _ in range(TOGETHER + 3):
            group.start_soon(hold)

    assert [busy.retry_after for busy in outcomes] == [1] * 3
    body = json.dumps({"text": "x"}).encode()
    assert await bodies.read([], receiving(body)) == body

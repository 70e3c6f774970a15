import json

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartops.server.bodies import TOGETHER, Bodies, Disconnected
from smartops.server.refusals import TooBusy, TooLarge, TooSlow

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


@settings(deadline=None)
@given(st.lists(st.binary(max_size=20), max_size=10))
def test_a_body_is_what_was_sent_or_too_large(chunks):
    async def read():
        return await Bodies(50, 5).read([], receiving(*chunks))

    whole = b"".join(chunks)
    if len(whole) <= 50:
        assert anyio.run(read) == whole
    else:
        with pytest.raises(TooLarge):
            anyio.run(read)


async def test_what_is_declared_too_large_is_read_over_so_that_its_sender_listens():
    left = [{"type": "http.request", "body": b"x" * 60, "more_body": True}] * 3
    left += [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive():
        return left.pop(0)

    with pytest.raises(TooLarge):
        await Bodies(50, 5).read([(b"content-length", b"180")], receive)
    assert left == []


@pytest.mark.parametrize("length", [b"51", b"9" * 30, b"9" * 5000, b"five", b"-1", b""])
async def test_a_length_that_cannot_be_kept_is_too_large(length):
    with pytest.raises(TooLarge):
        await Bodies(50, 5).read([(b"content-length", length)], receiving(b"{}"))


async def test_what_turns_out_too_large_in_one_piece_is_refused_at_once():
    async def receive():
        assert not asked
        asked.append(True)
        return {"type": "http.request", "body": b"x" * 51, "more_body": False}

    asked = []
    with pytest.raises(TooLarge):
        await Bodies(50, 5).read([], receive)


async def test_nobody_reads_over_for_ever():
    taken = 0

    async def receive():
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": b"x" * 65536, "more_body": True}

    with pytest.raises(TooLarge):
        await Bodies(50, 5).read([(b"content-length", b"1000000000")], receive)
    assert taken == 16


async def test_what_never_ends_is_too_slow():
    with pytest.raises(TooSlow, match="did not arrive"):
        await Bodies(50, 0.01).read([], receiving(b"{", end=False))


async def test_whoever_leaves_is_no_refusal():
    async def receive():
        return {"type": "http.disconnect"}

    with pytest.raises(Disconnected):
        await Bodies(50, 5).read([], receive)


async def test_half_read_bodies_have_a_limit_together():
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

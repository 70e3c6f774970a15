"""One act is claimed once, by whoever comes first."""

import anyio
import psycopg
import pytest

from smartops.store import LEASE, Store
from smartops.store.messages import ANSWERED, LARGEST
from smartops.testing import ManualClock

pytestmark = pytest.mark.anyio


async def claims(store: Store, *keys: str) -> list[bool]:
    """Claim all at once, so that they meet in one transaction."""
    found: dict[int, bool] = {}

    async def claim(place: int, key: str) -> None:
        found[place] = await store.claim(key)

    async with anyio.create_task_group() as group:
        for place, key in enumerate(keys):
            group.start_soon(claim, place, key)
    return [found[place] for place in range(len(keys))]


async def test_a_key_is_claimed_once(store: Store) -> None:
    assert await store.claim("one")
    assert not await store.claim("one")
    assert await store.claim("two")


async def test_one_of_many_concurrent_claims_wins(store: Store) -> None:
    found = await claims(store, *["same"] * 100, *[f"key-{n}" for n in range(50)])
    assert sum(found[:100]) == 1
    assert all(found[100:])


async def test_known_and_new_keys_in_one_transaction(store: Store) -> None:
    await store.claim("b")
    assert await claims(store, "c", "b", "a", "c") == [True, False, True, False]


async def test_an_answer_survives_a_restart(url: str, opened) -> None:
    first = await opened(url)
    await first.claim("one")
    assert await first.answer("one") is None
    first.settle("one", b"\x00done\xff")
    assert await first.answer("one") == b"\x00done\xff"
    await first.aclose()
    second = await opened(url)
    assert not await second.claim("one")
    assert await second.answer("one") == b"\x00done\xff"


async def test_a_large_answer_to_a_read_is_not_stored(store: Store) -> None:
    await store.claim("one")
    store.settle("one", b"x" * (LARGEST + 1), read=True)
    assert await store.answer("one") is None
    assert not await store.claim("one")
    assert await store.retake("one")


async def test_an_answer_to_a_read_expires_after_minutes(store: Store, clock: ManualClock) -> None:
    for key in ("read", "change"):
        await store.claim(key)
    store.settle("read", b"done", read=True)
    store.settle("change", b"done")
    clock.advance(ANSWERED - 1)
    await store.sweep(clock.time())
    assert await store.answer("read") == b"done"
    clock.advance(2)
    await store.sweep(clock.time())
    assert (await store.known("read"), await store.answer("change")) == (None, b"done")


async def test_a_claim_with_a_lapsed_lease_is_taken_over(
    url: str, opened, clock: ManualClock
) -> None:
    here, there = await opened(url), await opened(url)
    for key in ("one", "renewed", "answered"):
        assert await here.claim(key, "digest")
    here.settle("answered", b"done")
    await here.claim("kept", message=b"message")
    assert not await there.retake("one")
    clock.advance(LEASE - 1)
    await here.renew(clock.time() + LEASE, ["renewed"], [])
    clock.advance(1)
    taken = [await there.retake(key) for key in ("one", "one", "renewed", "answered", "kept")]
    assert taken == [True, False, False, False, False]
    known = await there.known("one")
    assert known is not None
    assert (known.digest, known.lease_until) == ("digest", clock.time() + LEASE)


async def test_a_released_key_can_be_claimed_again(store: Store) -> None:
    await store.claim("one")
    await store.release("one")
    assert await store.claim("one")


async def test_an_answered_key_is_not_released(store: Store) -> None:
    await store.claim("one")
    store.settle("one", b"done")
    await store.release("one")
    assert not await store.claim("one")
    assert await store.answer("one") == b"done"


async def test_two_replicas_claim_a_key_once(url: str, opened) -> None:
    here, there = await opened(url), await opened(url)
    assert await here.claim("one")
    assert not await there.claim("one")
    there_first, here_second = await there.claim("two"), await here.claim("two")
    assert (there_first, here_second) == (True, False)


async def test_a_claim_is_released_if_its_caller_is_cancelled(store: Store) -> None:
    keys = [f"key-{n}" for n in range(200)]
    acted: set[str] = set()

    async def claim(key: str, scope: anyio.CancelScope) -> None:
        with scope:
            if await store.claim(key):
                acted.add(key)

    async with anyio.create_task_group() as group:
        for place, key in enumerate(keys):
            scope = anyio.CancelScope()
            group.start_soon(claim, key, scope)
            if place % 2:
                await anyio.lowlevel.checkpoint()  # some have asked, others have not
            if place % 3 == 0:
                scope.cancel()
    again = await claims(store, *keys)
    assert [key for key, new in zip(keys, again, strict=True) if not new] == sorted(
        acted, key=keys.index
    )
    assert len(acted) < len(keys)


async def test_a_key_can_be_claimed_at_once_after_a_cancelled_claim(store: Store) -> None:
    """The release waits for the next write, which is the claim."""
    for _ in range(5):
        with anyio.CancelScope() as scope:
            scope.cancel()
            await store.claim("one")
    assert await store.claim("one")


async def test_a_cancelled_claim_leaves_the_claim_of_another_process(store: Store) -> None:
    assert await store.claim("one")
    scope = anyio.CancelScope()

    async def claim_again() -> None:
        with scope:
            await store.claim("one")

    async with anyio.create_task_group() as group:
        group.start_soon(claim_again)
        await anyio.lowlevel.checkpoint()
        scope.cancel()
    assert scope.cancelled_caught
    assert not await store.claim("one")


async def test_claims_are_made_in_order_of_their_keys(postgresql: str, opened) -> None:
    """So that two processes never wait for each other in a circle."""
    store = await opened(postgresql)
    insert = "INSERT INTO messages (key, expires, holder) VALUES (%s, 1, 'somebody')"
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    claimed = "SELECT count(*) FROM messages WHERE key = 'first'"

    async def until(query: str) -> None:
        with anyio.fail_after(30):
            while observer.execute(query).fetchone() == (0,):
                await anyio.lowlevel.checkpoint()

    with (
        psycopg.connect(postgresql) as first,
        psycopg.connect(postgresql) as middle,
        psycopg.connect(postgresql, autocommit=True) as observer,
    ):
        observer.execute("SET lock_timeout = '50ms'")
        first.execute(insert, ["first"])
        middle.execute(insert, ["m"])
        async with anyio.create_task_group() as group:
            group.start_soon(store.claim, "first")
            await until(waits)
            for key in ("z", "m", "a"):  # they gather meanwhile
                group.start_soon(store.claim, key)
            await anyio.wait_all_tasks_blocked()
            first.rollback()
            await until(claimed)
            await until(waits)
            with pytest.raises(psycopg.errors.LockNotAvailable):
                observer.execute(insert, ["a"])
            observer.execute(insert, ["z"])
            middle.rollback()
    assert not await store.claim("z")

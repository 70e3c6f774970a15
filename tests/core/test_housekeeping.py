"""What a process takes over from those that stopped, and what it keeps when it stops itself."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from smartops.app.housekeeping import SWEEP, Housekeeping
from smartops.store import LEASE, Operation, Store, StoreUnavailable
from smartops.testing import ManualClock

pytestmark = pytest.mark.anyio


class House:
    """Housekeeping on a store, and what it set going."""

    def __init__(self, store: Store, clock: ManualClock) -> None:
        self.resumed: list[str] = []
        self.lost: list[str] = []
        self.taken_over = 0
        self.executing: list[str] = []
        self.answering: list[str] = []
        self.keeping = Housekeeping(
            store=store,
            clock=clock,
            revoked=set(),
            executing=lambda: self.executing,
            answering=lambda: self.answering,
            cancel=lambda operation: None,
            resume=lambda operation: self.resumed.append(operation.id),
            lost=lambda operation: self.lost.append(operation.id),
            take_over=self.take_over,
            grants=self.nothing,
            look=self.nothing,
        )

    async def nothing(self) -> None:
        """There are no requests and no roles for a time."""

    async def take_over(self) -> None:
        self.taken_over += 1


@pytest.fixture
async def store(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Store]:
    opened = await Store.open(f"sqlite:///{tmp_path / 'house.db'}", clock)
    yield opened
    await opened.aclose()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def house(store: Store, clock: ManualClock) -> House:
    return House(store, clock)


def operation(id: str, owner: str) -> Operation:
    return Operation(
        id=id,
        person="ann",
        command_text="fly",
        plan="",
        approval_id="",
        channel="pigeon",
        conversation="roof",
        message="{}",
        owner=owner,
        started=0.0,
        resumable=True,
    )


async def test_operations_of_a_dead_process_are_resumed(
    house: House, store: Store, clock: ManualClock
) -> None:
    await store.begin(operation("op-1", "dead"))
    await house.keeping.once()
    assert (house.resumed, house.taken_over) == ([], 1)
    clock.advance(LEASE)
    await house.keeping.once()
    assert (house.resumed, house.taken_over) == (["op-1"], 2)


async def test_a_leaving_process_takes_nothing_over_and_renews_its_own_leases(
    house: House, store: Store, clock: ManualClock
) -> None:
    await store.begin(operation("op-1", "dead"))
    await store.begin(operation("op-2", store.owner))
    house.executing = ["op-2"]
    await house.keeping.leave()
    clock.advance(LEASE)
    await house.keeping.once()
    assert (house.resumed, house.taken_over) == ([], 0)
    assert [item.id for item in await store.orphans(clock.time())] == ["op-1"]


async def test_a_yielded_lease_is_not_renewed(
    house: House, store: Store, clock: ManualClock
) -> None:
    await store.begin(operation("op-1", store.owner))
    house.executing = ["op-1"]
    await house.keeping.leave()
    await store.yield_lease("op-1")
    clock.advance(LEASE / 2)
    await house.keeping.once()
    assert [item.id for item in await store.orphans(clock.time())] == ["op-1"]


async def test_an_abandoned_operation_of_a_live_process_is_taken_over(
    house: House, store: Store, clock: ManualClock
) -> None:
    """An unconfirmed commit may have left it, or a failure."""
    await store.begin(operation("op-1", store.owner))
    await store.begin(operation("op-2", store.owner))
    await store.claim("act-1", message=b"one")
    await store.claim("act-2", message=b"two")
    house.executing, house.answering = ["op-2"], ["act-2"]
    for _ in range(3):
        await house.keeping.once()
        clock.advance(LEASE / 3)
    await house.keeping.leave()
    await house.keeping.once()
    assert [item.id for item in await store.orphans(clock.time())] == ["op-1"]
    assert await store.undelivered(clock.time()) == [("act-1", b"one")]


async def test_a_running_operation_is_not_started_twice(
    house: House, store: Store, clock: ManualClock
) -> None:
    await store.begin(operation("op-1", "another"))
    house.executing = ["op-1"]
    clock.advance(LEASE)
    await house.keeping.once()
    assert house.resumed == []


async def test_leases_do_not_wait_for_a_long_sweep(
    house: House,
    store: Store,
    clock: ManualClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("smartops.store.store.PIECE", 1)
    for number in range(25):
        await store.revoke(f"token-{number}", clock.time() + 1)
    await house.keeping.once()
    clock.advance(SWEEP)
    left = []
    with closing(sqlite3.connect(tmp_path / "house.db")) as file:
        for _ in range(4):
            await house.keeping.once()
            left += file.execute("SELECT count(*) FROM revoked").fetchone()
    assert left == [15, 5, 0, 0]


async def test_nothing_is_taken_over_right_after_the_store_was_unavailable(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smartops.store.database._WAIT", 0.01)  # not ten seconds for a lock
    store = await Store.open(f"sqlite:///{tmp_path / 'away.db'}", clock)
    house = House(store, clock)
    await house.keeping.once()
    await store.begin(operation("op-1", "another"))
    clock.advance(LEASE)
    with closing(sqlite3.connect(tmp_path / "away.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        house.executing = ["op-2"]
        with pytest.raises(StoreUnavailable):
            await house.keeping.once()
        other.execute("COMMIT")
    await house.keeping.once()
    assert (house.resumed, house.taken_over) == ([], 1)
    clock.advance(LEASE / 3)
    await house.keeping.once()
    assert (house.resumed, house.taken_over) == (["op-1"], 2)
    await store.aclose()

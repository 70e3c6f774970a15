"""What is under way belongs to one process, and always comes to an end."""

from dataclasses import replace

import pytest

from smartops.store import LEASE, Operation, Store
from smartops.testing import ManualClock

pytestmark = pytest.mark.anyio


async def test_an_operation_runs_then_ends(
    store: Store, clock: ManualClock, operation: Operation
) -> None:
    await store.begin(operation)
    assert await store.operation("op-1") == operation
    clock.advance(5)
    assert await store.finish("op-1", "done", b"\x00answer")
    assert await store.operation("op-1") == replace(
        operation, state="done", finished=clock.time(), answer=b"\x00answer"
    )


async def test_an_operation_gets_a_default_lease(
    store: Store, clock: ManualClock, operation: Operation
) -> None:
    await store.begin(replace(operation, lease_until=0.0))
    found = await store.operation("op-1")
    assert found
    assert found.lease_until == clock.time() + LEASE


async def test_the_end_of_an_operation_is_final(store: Store, operation: Operation) -> None:
    await store.begin(operation)
    assert await store.finish("op-1", "done", b"answer")
    assert not await store.finish("op-1", "failed", None)
    assert not await store.finish("op-1", "unknown", None)
    found = await store.operation("op-1")
    assert found
    assert (found.state, found.answer) == ("done", b"answer")


async def test_an_unknown_operation_can_still_become_done(
    store: Store, clock: ManualClock, operation: Operation
) -> None:
    await store.begin(operation)
    assert len(await store.orphans(clock.time() + 20)) == 1
    assert await store.finish("op-1", "done", b"answer")
    found = await store.operation("op-1")
    assert found
    assert found.state == "done"


async def test_operations_are_listed_newest_first(
    store: Store, clock: ManualClock, operation: Operation
) -> None:
    for number in range(6):
        clock.advance(1)
        person = "bea" if number % 3 == 0 else "alice"
        await store.begin(
            replace(operation, id=f"op-{number}", person=person, started=clock.time())
        )
    await store.finish("op-4", "failed", None)

    async def ids(**filters) -> list[str]:
        return [item.id for item in await store.operations(**filters)]

    assert await ids() == ["op-5", "op-4", "op-3", "op-2", "op-1", "op-0"]
    assert await ids(limit=2) == ["op-5", "op-4"]
    assert await ids(person="bea") == ["op-3", "op-0"]
    assert await ids(person="alice", state="running") == ["op-5", "op-2", "op-1"]
    assert await ids(state="failed") == ["op-4"]
    assert await ids(person="nobody") == []


async def test_an_operation_with_a_renewed_lease_is_not_adopted(
    store: Store, clock: ManualClock, operation: Operation
) -> None:
    await store.begin(replace(operation, owner=store.owner))
    await store.begin(replace(operation, id="op-2", owner="there"))
    clock.advance(19)
    assert await store.renew(clock.time() + 20, ["op-1", "op-2"], []) == 1
    clock.advance(2)
    orphans = await store.orphans(clock.time())
    assert [(item.id, item.state, item.finished) for item in orphans] == [
        ("op-2", "unknown", clock.time())
    ]
    assert await store.orphans(clock.time()) == []
    assert await store.renew(clock.time() + 20, ["op-2"], []) == 0
    clock.advance(18)
    assert [item.id for item in await store.orphans(clock.time())] == ["op-1"]


async def test_an_ended_operation_is_not_adopted(
    store: Store, clock: ManualClock, operation: Operation
) -> None:
    await store.begin(operation)
    await store.finish("op-1", "failed", None)
    assert await store.orphans(clock.time() + 1000) == []

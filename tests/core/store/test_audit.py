"""The history, the revoked tokens, and what becomes too old."""

from dataclasses import replace

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smartops.store import Approval, ApprovalMessage, AuditEvent, Operation, Store
from smartops.testing import ManualClock

pytestmark = pytest.mark.anyio


def event(number: int = 0, **values) -> AuditEvent:
    return replace(
        AuditEvent(
            at=1_800_000_000.25 + number,
            request_id=f"request-{number}",
            idempotency_key="key",
            person="alice",
            identity="local:alice",
            claimed="user-id",
            place="api/tenant",
            command="list instances",
            text="list instances --state running",
            rule="everyone-reads",
            outcome="success",
            seconds=0.125,
        ),
        **values,
    )


async def test_history_is_newest_first(store: Store) -> None:
    for number in range(5):
        store.add_audit_event(event(number))
    store.add_audit_event(event(9, person="bea"))
    found = await store.history("alice", 10)
    assert [replace(item, id=0) for item in found] == [event(n) for n in (4, 3, 2, 1, 0)]
    assert [item.request_id for item in await store.history("alice", 2)] == [
        "request-4",
        "request-3",
    ]
    assert await store.history("nobody", 10) == []


async def test_queued_audit_events_are_written_at_close(url: str, opened) -> None:
    first = await opened(url)
    for number in range(3000):
        first.add_audit_event(event(number))
    await first.aclose()
    second = await opened(url)
    found = await second.history("alice", 5000)
    assert [item.request_id for item in reversed(found)] == [f"request-{n}" for n in range(3000)]


WILD = st.text(
    alphabet=st.characters(exclude_categories=()) | st.sampled_from("\0\ud800\udfff'\"\\%{}"),
    max_size=60,
)


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(text=WILD, person=WILD)
async def test_any_text_can_be_stored_in_an_audit_event(
    store: Store, text: str, person: str
) -> None:
    """Chat text may hold what no database takes; it must not keep the rest from being written."""
    store.add_audit_event(event(1, person="control"))
    store.add_audit_event(event(2, person=person, text=text, claimed=text))
    store.add_audit_event(event(3, person="control"))
    found = (await store.history(person, 1))[0]
    expected = text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    assert (found.text, found.claimed) == (expected, expected)
    assert [item.at for item in await store.history("control", 2)] == [
        event(3).at,
        event(1).at,
    ]


async def test_any_text_can_be_stored_elsewhere(store: Store, clock: ManualClock) -> None:
    wild = "a\0b\ud83d"
    mended = "a\ufffdb?"
    soon = clock.time() + 9
    await store.add_approval(
        Approval(wild, wild, wild, "digest", soon, wild),
        ApprovalMessage("key", wild, wild, wild, soon, wild),
    )
    found = await store.approval(wild)
    assert found
    assert (found.person, found.plan) == (mended, mended)
    (message,) = await store.approval_messages(wild)
    assert (message.approval, message.message) == (mended, mended)
    assert len(await store.pending(wild, (wild, wild))) == 1
    await store.begin(
        Operation("op-1", wild, wild, wild, "", wild, wild, wild, "here", clock.time())
    )
    assert [item.command_text for item in await store.operations(wild)] == [mended]
    await store.revoke(wild, clock.time() + 9)
    assert await store.revoked() == {mended}


async def test_revoked_tokens_until_they_would_expire(store: Store, clock: ManualClock) -> None:
    await store.revoke("one", clock.time() + 10)
    await store.revoke("two", clock.time() + 20)
    await store.revoke("two", clock.time() + 30)
    assert await store.revoked() == {"one", "two"}
    clock.advance(10)
    assert await store.revoked() == {"two"}
    clock.advance(20)
    assert await store.revoked() == set()


async def test_replicas_that_write_the_same_row_at_once(
    url: str, opened, clock: ManualClock
) -> None:
    replicas = [await opened(url) for _ in range(3)]
    async with anyio.create_task_group() as group:
        for number in range(30):
            for replica in replicas:
                group.start_soon(replica.revoke, f"token-{number}", clock.time() + 9)
                group.start_soon(replica.ping)
    assert await replicas[0].revoked() == {f"token-{number}" for number in range(30)}


DAY = 86_400.0


async def test_sweep_deletes_expired_rows(store: Store, clock: ManualClock) -> None:
    start = clock.time()
    await store.claim("old")
    await store.add_approval(
        Approval("old", "alice", "", "", start + 10, "{}"),
        ApprovalMessage("key", "old", "", "room", start + 10),
    )
    await store.revoke("old", start + 10)
    await store.begin(Operation("op", "alice", "", "", "", "", "", "{}", "here", start))
    await store.begin(Operation("runs", "alice", "", "", "", "", "", "{}", "here", start))
    await store.finish("op", "done", None)
    store.add_audit_event(event(0, at=start))
    clock.advance(999)
    store.add_audit_event(event(1, at=clock.time()))
    await store.sweep(clock.time())
    assert not await store.claim("old")
    assert (await store.approval("old")).state == "expired"
    assert len(await store.approval_messages("old")) == 1
    assert len(await store.operations()) == 2
    assert len(await store.history("alice", 9)) == 2

    clock.advance(2)  # the history of this store is kept for 1000 seconds
    await store.sweep(clock.time())
    assert [item.request_id for item in await store.history("alice", 9)] == ["request-1"]
    assert [item.id for item in await store.operations()] == ["runs"]

    clock.advance(DAY)
    await store.sweep(clock.time())
    assert await store.approval("old") is None
    assert await store.approval_messages("old") == []
    assert not await store.claim("old")

    clock.advance(6 * DAY)
    await store.sweep(clock.time())
    assert await store.claim("old")


async def test_sweep_deletes_more_than_a_piece(store: Store, clock: ManualClock) -> None:
    for number in range(2500):
        store.add_audit_event(event(number, at=clock.time()))
    store.add_audit_event(event(1, at=clock.time() + 2000, person="bea"))
    async with anyio.create_task_group() as group:
        for number in range(1200):
            group.start_soon(store.claim, f"key-{number}")
    await store.sweep(clock.time() + 8 * DAY)
    assert await store.history("alice", 9) == []
    assert len(await store.history("bea", 9)) == 0
    assert await store.claim("key-0")
    assert await store.claim("key-1199")


async def test_sweep_stops_at_the_first_unexpired_event(store: Store, clock: ManualClock) -> None:
    for number in range(1500):
        store.add_audit_event(event(number, at=clock.time()))
    for number in range(1500, 1600):
        store.add_audit_event(event(number, at=clock.time() + 500))
    await store.sweep(clock.time() + 1001)
    found = await store.history("alice", 5000)
    assert [item.request_id for item in found] == [f"request-{n}" for n in range(1599, 1499, -1)]

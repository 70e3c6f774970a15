"""Messages that must be answered, questions, what plugins keep, and operations that go on."""

from dataclasses import replace

import anyio
import pytest

from smartops.store import LEASE, OpenQuestion, Operation, Store
from smartops.testing import ManualClock

pytestmark = pytest.mark.anyio


async def test_a_message_stays_in_the_inbox_until_it_is_answered(
    url: str, opened, clock: ManualClock
) -> None:
    first = await opened(url)
    assert await first.claim("one", message=b"\x00message")
    assert not await first.claim("one", message=b"again")
    assert await first.claim("two", message=b"other")
    first.delivered("two")
    assert await first.undelivered(clock.time()) == []
    await first.aclose()

    second = await opened(url)
    clock.advance(LEASE)
    assert await second.undelivered(clock.time()) == [("one", b"\x00message")]
    assert await second.undelivered(clock.time()) == []
    second.delivered("one")
    clock.advance(LEASE)
    assert await second.undelivered(clock.time()) == []
    assert not await second.claim("one")
    assert not await second.claim("two", message=b"other")


async def test_concurrent_messages_are_all_stored(store: Store, clock: ManualClock) -> None:
    new: list[str] = []

    async def arrive(key: str) -> None:
        if await store.claim(key, message=key.encode()):
            new.append(key)

    async with anyio.create_task_group() as group:
        for number in range(60):
            group.start_soon(arrive, f"key-{number % 20}")
    assert sorted(new) == sorted(f"key-{n}" for n in range(20))
    taken = await store.undelivered(clock.time() + LEASE)
    assert sorted(taken) == sorted((key, key.encode()) for key in new)


async def test_a_renewed_lease_keeps_messages_in_the_inbox_ours(
    url: str, opened, clock: ManualClock
) -> None:
    here, there = await opened(url), await opened(url)
    await here.claim("one", message=b"message")
    clock.advance(LEASE - 1)
    assert await here.renew(clock.time() + LEASE, [], ["one"]) == 1
    clock.advance(LEASE - 1)
    assert await there.undelivered(clock.time()) == []
    await here.leave()
    assert await there.undelivered(clock.time()) == [("one", b"message")]


async def test_a_question_is_answered_once_and_only_there(store: Store, clock: ManualClock) -> None:
    question = OpenQuestion("alice", "api", "room", "stop", "target", clock.time() + 60)
    await store.ask(question)
    assert await store.take_question("alice", "api", "elsewhere") is None
    assert await store.take_question("bea", "api", "room") is None
    assert await store.take_question("alice", "api", "room") == question
    assert await store.take_question("alice", "api", "room") is None


async def test_a_new_question_replaces_the_old(store: Store, clock: ManualClock) -> None:
    question = OpenQuestion("alice", "api", "room", "stop", "target", clock.time() + 60)
    await store.ask(question)
    await store.ask(replace(question, command_text="start"))
    assert await store.take_question("alice", "api", "room") == replace(
        question, command_text="start"
    )


async def test_closing_a_question_leaves_those_asked_later(
    store: Store, clock: ManualClock
) -> None:
    question = OpenQuestion("alice", "api", "room", "stop", "target", clock.time() + 60)
    await store.ask(question)
    store.close_question(replace(question, person="bea"))
    store.close_question(replace(question, conversation="elsewhere"))
    store.close_question(replace(question, expires=clock.time() + 59))
    assert await store.take_question("alice", "api", "room") == question
    await store.ask(question)
    store.close_question(replace(question, command_text="", parameter=""))
    assert await store.take_question("alice", "api", "room") is None


async def test_a_question_expires_for_itself_alone(store: Store, clock: ManualClock) -> None:
    question = OpenQuestion("alice", "api", "room", "stop", "target", clock.time() + 60)
    await store.ask(question)
    later = replace(question, conversation="other", expires=clock.time() + 600)
    await store.ask(later)
    clock.advance(61)
    await store.sweep(clock.time())
    assert await store.take_question("alice", "api", "room") is None
    assert await store.take_question("alice", "api", "other") == later


async def test_key_values_of_plugins(store: Store) -> None:
    await store.put_fact("one", "a_b/x", "1")
    await store.put_fact("one", "a_b/x", "2")
    await store.put_fact("one", "a%b/y", "3")
    await store.put_fact("one", "acb/z", "4")
    await store.put_fact("two", "a_b/x", "theirs")
    assert await store.facts("one") == {"a_b/x": "2", "a%b/y": "3", "acb/z": "4"}
    assert await store.facts("one", "a_b") == {"a_b/x": "2"}
    assert await store.facts("one", "a%") == {"a%b/y": "3"}
    await store.drop_fact("one", "a_b/x")
    await store.drop_fact("one", "nothing")
    assert await store.facts("one", "a_b") == {}
    assert await store.facts("two") == {"a_b/x": "theirs"}


async def test_replicas_store_the_same_values_at_once(url: str, opened, clock: ManualClock) -> None:
    replicas = [await opened(url) for _ in range(3)]
    question = OpenQuestion("alice", "api", "room", "stop", "target", clock.time() + 60)
    async with anyio.create_task_group() as group:
        for number in range(20):
            for replica in replicas:
                group.start_soon(replica.put_fact, "one", f"key-{number}", "value")
                group.start_soon(replica.ask, replace(question, conversation=f"room-{number}"))
    assert len(await replicas[0].facts("one")) == 20
    for number in range(20):
        assert await replicas[1].take_question("alice", "api", f"room-{number}")


async def test_one_replica_swaps_a_value(opened, url: str) -> None:
    replicas = [await opened(url) for _ in range(3)]
    won: list[int] = []

    async def swap(number: int, old: str | None, new: str | None) -> None:
        if await replicas[number].swap_fact("one", "key", old, new):
            won.append(number)

    for old, new in ((None, "a"), ("a", "b"), ("b", None)):
        async with anyio.create_task_group() as group:
            for number in range(3):
                group.start_soon(swap, number, old, new)
        assert len(won) == 1
        won.clear()
        found = await replicas[0].facts("one")
        assert found == ({"key": new} if new else {})
    assert not await replicas[0].swap_fact("one", "key", "a", "a")


async def test_a_resumable_operation_is_resumed_by_another_process(
    store: Store, clock: ManualClock, operation: Operation
) -> None:
    operation = replace(operation, lease_until=0.0)
    await store.begin(replace(operation, owner=store.owner, resumable=True))
    await store.begin(replace(operation, id="op-2"))
    assert await store.store_steps("op-1", '{"sent": "cmd-1"}')
    assert not await store.store_steps("op-2", '{"sent": "cmd-2"}')
    assert await store.orphans(clock.time() + LEASE - 1) == []
    clock.advance(LEASE)
    found = {item.id: item for item in await store.orphans(clock.time())}
    assert (found["op-1"].state, found["op-1"].owner) == ("running", store.owner)
    assert found["op-1"].steps == '{"sent": "cmd-1"}'
    assert found["op-1"].lease_until == clock.time() + LEASE
    assert (found["op-2"].state, found["op-2"].owner) == ("unknown", "dead")
    assert await store.orphans(clock.time()) == []
    await store.yield_lease("op-1")
    assert [item.id for item in await store.orphans(clock.time())] == ["op-1"]


async def test_the_owner_sees_the_request_to_cancel(store: Store, operation: Operation) -> None:
    await store.begin(replace(operation, owner=store.owner))
    await store.begin(replace(operation, id="op-2"))
    assert await store.cancel_requests() == set()
    assert await store.request_cancel("op-1")
    assert await store.request_cancel("op-2")
    assert not await store.request_cancel("op-3")
    assert await store.cancel_requests() == {"op-1"}
    await store.finish("op-1", "failed", None)
    assert await store.cancel_requests() == set()
    assert not await store.request_cancel("op-1")


async def test_an_operation_is_found_by_its_idempotency_key(
    store: Store, operation: Operation
) -> None:
    await store.begin(replace(operation, idempotency_key="key-1"))
    found = await store.operation_of("key-1")
    assert found
    assert found.id == "op-1"
    assert await store.operation_of("key-2") is None

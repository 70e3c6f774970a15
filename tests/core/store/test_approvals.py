"""An approval is decided once, and an operation begins with it or not at all."""

from dataclasses import replace

import anyio
import pytest
from sqlalchemy import create_engine, text

from smartops.store import LEASE, Approval, Operation, Store, approval_key
from smartops.testing import ManualClock

pytestmark = pytest.mark.anyio


def approval(clock: ManualClock, id: str = "token", **changes) -> Approval:
    return replace(
        Approval(
            id=id,
            person="alice",
            command_text='run "df -h" on web-server-01',
            digest="0123",
            channel="api",
            conversation="room-1",
            expires=clock.time() + 900,
            plan='{"summary": "Stop it"}',
        ),
        **changes,
    )


def operation(clock: ManualClock, id: str = "op-1", **changes) -> Operation:
    return replace(
        Operation(
            id=id,
            person="alice",
            command_text="stop web-server-01",
            plan="{}",
            approval_id="token",
            channel="api",
            conversation="room-1",
            message='{"id": 1}',
            owner="here",
            started=clock.time(),
        ),
        **changes,
    )


async def state(store: Store, id: str = "token") -> str | None:
    found = await store.approval(id)
    return found.state if found else None


async def test_an_approval_comes_back_as_it_was(store: Store, clock: ManualClock) -> None:
    await store.add_approval(approval(clock))
    assert await store.approval("token") == approval(clock, key=approval_key("token"))
    assert await store.approval("another") is None


async def test_accepting_confirms_and_begins(store: Store, clock: ManualClock) -> None:
    await store.add_approval(approval(clock))
    assert await store.accept("token", operation(clock))
    assert await state(store) == "confirmed"
    assert await store.operation("op-1") == operation(
        clock, approval_id=approval_key("token"), lease_until=clock.time() + LEASE
    )


@pytest.mark.parametrize("id", ["unknown", "", approval_key("token")])
async def test_only_the_id_accepts(store: Store, clock: ManualClock, id: str) -> None:
    """What stands in the store is not enough to use it."""
    await store.add_approval(approval(clock))
    assert not await store.accept(id, operation(clock))
    assert not await store.cancel(id)
    assert await state(store) == "pending"
    assert await store.operations() == []


async def test_the_second_use_does_nothing(store: Store, clock: ManualClock) -> None:
    await store.add_approval(approval(clock))
    assert await store.accept("token", operation(clock))
    assert not await store.accept("token", operation(clock, "op-2"))
    assert not await store.cancel("token")
    assert [item.id for item in await store.operations()] == ["op-1"]


async def test_a_cancelled_approval_is_not_accepted(store: Store, clock: ManualClock) -> None:
    await store.add_approval(approval(clock))
    assert await store.cancel("token")
    assert not await store.cancel("token")
    assert not await store.accept("token", operation(clock))
    assert await state(store) == "cancelled"
    assert await store.operations() == []


async def test_it_expires_to_the_second(store: Store, clock: ManualClock) -> None:
    await store.add_approval(approval(clock, "early"))
    await store.add_approval(approval(clock, "late"))
    clock.advance(899.5)
    assert await store.accept("early", operation(clock, approval_id="early"))
    clock.advance(0.5)
    assert await state(store, "late") == "expired"
    assert not await store.accept("late", operation(clock, "op-2"))
    assert not await store.cancel("late")
    assert await store.pending("alice", "room-1") == []
    assert await state(store, "early") == "confirmed"


async def test_many_clicks_at_once_are_one(store: Store, clock: ManualClock) -> None:
    await store.add_approval(approval(clock))
    accepted = []

    async def click(number: int) -> None:
        if await store.accept("token", operation(clock, f"op-{number}")):
            accepted.append(f"op-{number}")

    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(click, number)
    assert len(accepted) == 1
    assert [item.id for item in await store.operations()] == accepted


async def test_confirm_against_cancel(store: Store, clock: ManualClock) -> None:
    tokens = [f"token-{n}" for n in range(20)]
    for token in tokens:
        await store.add_approval(approval(clock, token))
    won: dict[str, list[str]] = {token: [] for token in tokens}

    async def confirm(token: str) -> None:
        if await store.accept(token, operation(clock, f"op-{token}", approval_id=token)):
            won[token].append("confirmed")

    async def cancel(token: str) -> None:
        if await store.cancel(token):
            won[token].append("cancelled")

    async with anyio.create_task_group() as group:
        for place, token in enumerate(tokens):
            for act in (confirm, cancel) if place % 2 else (cancel, confirm):
                group.start_soon(act, token)
    assert all(len(outcomes) == 1 for outcomes in won.values())
    assert [await state(store, token) for token in tokens] == [won[token][0] for token in tokens]


async def test_what_waits_for_a_person_in_a_conversation(store: Store, clock: ManualClock) -> None:
    await store.add_approval(approval(clock, "later"))
    await store.add_approval(approval(clock, "sooner", expires=clock.time() + 60))
    await store.add_approval(approval(clock, "hers", person="bea"))
    await store.add_approval(approval(clock, "elsewhere", conversation="room-2"))
    waiting = await store.pending("alice", "room-1")
    assert [item.key for item in waiting] == [approval_key("sooner"), approval_key("later")]
    assert {item.id for item in waiting} == {""}
    assert await store.cancel(waiting[0])
    assert await store.accept(waiting[1], operation(clock, approval_id=""))
    assert (await state(store, "sooner"), await state(store, "later")) == (
        "cancelled",
        "confirmed",
    )


async def test_the_database_holds_no_token(url: str, store: Store, clock: ManualClock) -> None:
    token = "correct-horse-battery-staple"
    await store.add_approval(approval(clock, token))
    await store.accept(token, operation(clock, approval_id=token))
    await store.aclose()
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        for table in ("approvals", "operations"):
            rows = connection.execute(text(f"SELECT * FROM {table}")).all()
            assert len(rows) == 1
            assert token not in str(rows)
    engine.dispose()


async def test_a_cancelled_caller_leaves_nothing_running(store: Store, clock: ManualClock) -> None:
    """Who is cancelled while accepting carries nothing out, so nothing may look as if it were."""
    for number in range(40):
        token = f"token-{number}"
        await store.add_approval(approval(clock, token))
        scope = anyio.CancelScope()

        async def click(token: str = token, scope: anyio.CancelScope = scope) -> None:
            with scope:
                await store.accept(token, operation(clock, f"op-{token}", approval_id=token))
                await store.finish(f"op-{token}", "done", None)

        async with anyio.create_task_group() as group:
            group.start_soon(click)
            await anyio.lowlevel.checkpoint()
            if number % 2:
                await anyio.sleep(number / 40_000)
            scope.cancel()
    found = await store.operations(limit=100)
    assert found
    assert {item.state for item in found} <= {"failed", "done"}

"""An approval is decided once, and an operation begins with it or not at all."""

from dataclasses import replace

import anyio
import pytest
from sqlalchemy import create_engine, text

from smartops.store import LEASE, Approval, ApprovalMessage, Operation, Store, token_key
from smartops.testing import ManualClock

pytestmark = pytest.mark.anyio


def approval(clock: ManualClock, id: str = "ap-1", **changes) -> Approval:
    return replace(
        Approval(
            id=id,
            person="alice",
            command_text='run "df -h" on web-server-01',
            digest="0123",
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
            approval_id="ap-1",
            channel="api",
            conversation="room-1",
            message='{"id": 1}',
            owner="here",
            started=clock.time(),
        ),
        **changes,
    )


def approval_message(of: Approval, token: str = "", **changes) -> ApprovalMessage:
    shown = ApprovalMessage(
        token_key(token or f"token of {of.id}"), of.id, "api", "room-1", of.expires
    )
    return replace(shown, **changes)


async def ask(store: Store, asked: Approval, **changes) -> None:
    await store.add_approval(asked, approval_message(asked, **changes))


async def state(store: Store, id: str = "ap-1") -> str | None:
    found = await store.approval(id)
    return found.state if found else None


async def test_an_approval_is_read_as_it_was_stored(store: Store, clock: ManualClock) -> None:
    asked = approval(clock)
    await ask(store, asked, token="token")
    assert await store.approval("ap-1") == asked
    assert await store.approval_behind("token") == asked
    assert await store.approval("another") is None


@pytest.mark.parametrize("token", ["unknown", "", "ap-1", token_key("token")])
async def test_a_stored_key_is_not_a_token(store: Store, clock: ManualClock, token: str) -> None:
    await ask(store, approval(clock), token="token")
    assert await store.approval_behind(token) is None


async def test_accept_confirms_the_approval_and_begins_the_operation(
    store: Store, clock: ManualClock
) -> None:
    await ask(store, approval(clock))
    assert await store.accept("ap-1", operation(clock))
    assert await state(store) == "confirmed"
    assert await store.operation("op-1") == operation(clock, lease_until=clock.time() + LEASE)


async def test_an_unknown_approval_is_not_accepted(store: Store, clock: ManualClock) -> None:
    await ask(store, approval(clock))
    assert not await store.accept("ap-2", operation(clock))
    assert not await store.cancel("ap-2")
    assert await state(store) == "pending"
    assert await store.operations() == []


async def test_each_approval_message_has_its_own_token(store: Store, clock: ManualClock) -> None:
    asked = approval(clock)
    first = approval_message(asked, "first", message='{"text": "stop"}')
    again = approval_message(asked, "again", channel="console", conversation="room-2")
    await store.add_approval(asked, first)
    await store.add_approval_message(again)
    store.shown(first.key, "platform-id")
    assert await store.approval_behind("first") == await store.approval_behind("again") == asked
    found = await store.approval_messages("ap-1")
    assert sorted(found, key=lambda item: item.channel) == [
        replace(first, shown="platform-id"),
        again,
    ]
    assert await store.approval_messages("ap-2") == []
    assert await store.cancel("ap-1")
    assert (await store.approval_behind("again")).state == "cancelled"


async def test_an_approval_expires_to_the_second(store: Store, clock: ManualClock) -> None:
    await ask(store, approval(clock, "early"))
    await ask(store, approval(clock, "late"))
    clock.advance(899.5)
    assert await store.accept("early", operation(clock, approval_id="early"))
    clock.advance(0.5)
    assert await state(store, "late") == "expired"
    assert not await store.accept("late", operation(clock, "op-2"))
    assert not await store.cancel("late")
    assert await store.pending("alice", ("api", "room-1")) == []
    assert await state(store, "early") == "confirmed"


async def test_one_of_many_concurrent_confirmations_wins(store: Store, clock: ManualClock) -> None:
    await ask(store, approval(clock))
    accepted = []

    async def click(number: int) -> None:
        if await store.accept("ap-1", operation(clock, f"op-{number}")):
            accepted.append(f"op-{number}")

    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(click, number)
    assert len(accepted) == 1
    assert [item.id for item in await store.operations()] == accepted


async def test_one_of_concurrent_confirm_and_cancel_wins(store: Store, clock: ManualClock) -> None:
    tokens = [f"token-{n}" for n in range(20)]
    for token in tokens:
        await ask(store, approval(clock, token))
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


async def test_pending_approvals_of_a_person(store: Store, clock: ManualClock) -> None:
    await ask(store, approval(clock, "later"))
    await ask(store, approval(clock, "sooner", expires=clock.time() + 60))
    await ask(store, approval(clock, "hers", person="bea"))
    await ask(store, approval(clock, "elsewhere"), conversation="room-2")
    await ask(store, approval(clock, "another channel"), channel="console")

    async def waiting(*place: str) -> list[str]:
        found = await store.pending("alice", place or None)
        return [item.id for item in found]

    assert await waiting("api", "room-1") == ["sooner", "later"]
    assert await waiting("api", "room-2") == ["elsewhere"]
    assert sorted(await waiting()) == ["another channel", "elsewhere", "later", "sooner"]
    elsewhere = await store.approval("elsewhere")
    await store.add_approval_message(approval_message(elsewhere, "again"))
    await store.add_approval_message(approval_message(elsewhere, "once more"))
    assert sorted(await waiting("api", "room-1")) == ["elsewhere", "later", "sooner"]
    assert await store.cancel("sooner")
    assert await store.accept("later", operation(clock, approval_id="later"))
    assert await waiting("api", "room-1") == ["elsewhere"]
    clock.advance(900)
    assert await waiting() == []


async def test_the_database_contains_no_token(url: str, store: Store, clock: ManualClock) -> None:
    token = "correct-horse-battery-staple"
    await ask(store, approval(clock), token=token)
    await store.accept("ap-1", operation(clock))
    await store.aclose()
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        for table in ("approvals", "approval_messages", "operations"):
            rows = connection.execute(text(f"SELECT * FROM {table}")).all()
            assert len(rows) == 1
            assert token not in str(rows)
    engine.dispose()


async def test_a_cancelled_accept_leaves_no_running_operation(
    store: Store, clock: ManualClock
) -> None:
    """Who is cancelled while accepting carries nothing out, so nothing may look as if it were."""
    for number in range(40):
        token = f"token-{number}"
        await ask(store, approval(clock, token))
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

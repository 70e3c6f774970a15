"""A database that goes away, for a moment or at the worst one."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import anyio
import psycopg
import pytest
from sqlalchemy import event, make_url

from smartops.store import Approval, ApprovalMessage, AuditEvent, Operation, StoreUnavailable
from smartops.testing import ManualClock

pytestmark = pytest.mark.anyio


def drop_connections(admin: psycopg.Connection, url: str) -> None:
    admin.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
        [make_url(url).database],
    )


def let_in(admin: psycopg.Connection, url: str, allowed: bool) -> None:
    admin.execute(f"ALTER DATABASE {make_url(url).database} ALLOW_CONNECTIONS {allowed}")


async def test_a_lost_connection_is_replaced(
    postgresql: str, opened, admin: psycopg.Connection
) -> None:
    store = await opened(postgresql)
    assert await store.claim("one")
    assert await store.answer("one") is None
    drop_connections(admin, postgresql)
    assert await store.claim("two")
    drop_connections(admin, postgresql)
    assert await store.operations() == []
    drop_connections(admin, postgresql)
    store.add_audit_event(AuditEvent(at=1.0, request_id="after", person="alice"))
    assert [item.request_id for item in await store.history("alice", 9)] == ["after"]


async def test_writes_fail_and_queued_writes_wait_while_the_database_is_away(
    postgresql: str, opened, admin: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    store = await opened(postgresql)
    await store.claim("before")
    store.add_audit_event(AuditEvent(at=1.0, request_id="before", person="alice"))
    await store.ping()
    let_in(admin, postgresql, False)
    try:
        drop_connections(admin, postgresql)
        with pytest.raises(StoreUnavailable, match="nothing was done"):
            await store.claim("one")
        with pytest.raises(StoreUnavailable):
            await store.ping()
        store.add_audit_event(AuditEvent(at=2.0, request_id="meanwhile", person="alice"))
        store.settle("before", b"answer")
        with pytest.raises(StoreUnavailable):
            await store.history("alice", 9)
    finally:
        let_in(admin, postgresql, True)
    assert await store.claim("one")
    assert await store.answer("before") == b"answer"
    assert [item.request_id for item in await store.history("alice", 9)] == ["meanwhile", "before"]
    said = [item.getMessage() for item in caplog.records if item.name == "smartops.store"]
    assert len(said) == 2
    assert "not currently accepting connections" in said[0]
    assert said[1] == "the store is back"


async def test_closing_while_the_database_is_away_logs_lost_writes(
    postgresql: str, opened, admin: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    store = await opened(postgresql)
    let_in(admin, postgresql, False)
    try:
        drop_connections(admin, postgresql)
        for number in range(3):
            store.add_audit_event(AuditEvent(at=2.0, request_id=str(number), person="alice"))
        await store.aclose()
    finally:
        let_in(admin, postgresql, True)
    assert caplog.records[-1].getMessage() == "3 writes were lost: the store is unreachable"


async def test_a_file_locked_by_another_process(
    tmp_path: Path, opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smartops.store.database._WAIT", 0.05)
    path = tmp_path / "smartops.db"
    store = await opened(f"sqlite:///{path}")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="nothing was done"):
            await store.claim("one")
        store.add_audit_event(AuditEvent(at=1.0, request_id="meanwhile", person="alice"))
        with pytest.raises(StoreUnavailable):
            await store.ping()
        assert other.execute("SELECT count(*) FROM messages").fetchone() == (0,)
        other.execute("COMMIT")
    assert await store.claim("one")
    assert [item.request_id for item in await store.history("alice", 9)] == ["meanwhile"]


async def test_a_write_during_another_one_s_wait_for_a_lock_fails_with_it(
    tmp_path: Path, opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smartops.store.database._WAIT", 1.0)
    path = tmp_path / "smartops.db"
    store = await opened(f"sqlite:///{path}")
    ends = []

    async def claim(key: str) -> None:
        with pytest.raises(StoreUnavailable, match="nothing was done"):
            await store.claim(key)
        ends.append(anyio.current_time())

    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with anyio.create_task_group() as group:
            group.start_soon(claim, "one")
            await anyio.sleep(0.3)  # so that the first one waits for the lock
            group.start_soon(claim, "two")
        other.execute("COMMIT")
    assert ends[1] - ends[0] < 0.5
    assert await store.claim("two")


async def test_a_deleted_file_is_not_ready(tmp_path: Path, opened) -> None:
    path = tmp_path / "smartops.db"
    store = await opened(f"sqlite:///{path}")
    await store.ping()
    path.rename(tmp_path / "moved.db")
    with pytest.raises(StoreUnavailable, match="deleted"):
        await store.ping()
    path.touch()
    with pytest.raises(StoreUnavailable, match="deleted"):
        await store.ping()


async def test_a_file_that_others_may_read_is_warned_of(tmp_path: Path, opened, caplog) -> None:
    path = tmp_path / "smartops.db"
    path.touch(0o644)
    await opened(f"sqlite:///{path}")
    (warning,) = [item for item in caplog.messages if "chmod" in item]
    assert warning == f"other users may read the store {path}; chmod 600 it"


async def test_a_read_only_file_is_reported_as_such(tmp_path: Path, opened) -> None:
    store = await opened(f"sqlite:///{tmp_path / 'smartops.db'}")

    def protect(connection: Any, _: object) -> None:
        connection.execute("PRAGMA query_only = ON")

    event.listen(store._writer._engine, "connect", protect)
    store._writer._disconnect()
    with pytest.raises(StoreUnavailable, match="The store is read-only; nothing was done"):
        await store.claim("one")


Cut = Literal["", "before", "after"]


@dataclass
class Wire:
    """A wire to the server, to be cut at a commit: before it gets there, or after it was done."""

    url: str
    cut: Cut = ""
    then: Cut = ""
    cuts: list[Cut] = field(default_factory=list)


@pytest.fixture
async def wire(postgresql: str, admin: psycopg.Connection) -> AsyncIterator[Wire]:
    wire = Wire(postgresql)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, upstream = await connect(admin)
        back = asyncio.create_task(pass_on(answers, writer))
        if await relay(wire, reader, upstream, back) == "after":
            await answers.read(65_536)  # it was done, and nobody hears of it
        for end in (upstream, writer):
            end.close()
        await asyncio.wait([back])

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = make_url(postgresql).set(host="127.0.0.1", port=port, query={}, password="x")
        wire.url = url.render_as_string(hide_password=False)
        yield wire


async def connect(
    admin: psycopg.Connection,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = admin.info.host, admin.info.port
    if host.startswith("/"):
        return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
    return await asyncio.open_connection(host, port)


async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65_536):
        sink.write(data)
    sink.close()


async def relay(
    wire: Wire,
    reader: asyncio.StreamReader,
    upstream: asyncio.StreamWriter,
    back: asyncio.Task[None],
) -> Cut:
    """Pass on what the client sends, until it is done or the wire is cut; say how it was."""
    while data := await reader.read(65_536):
        if wire.cut and b"COMMIT" in data:
            cut, wire.cut, wire.then = wire.cut, wire.then, ""
            wire.cuts.append(cut)
            back.cancel()
            await asyncio.wait([back])
            if cut == "after":
                upstream.write(data)
            return cut
        upstream.write(data)
    return ""


def operation(clock: ManualClock) -> Operation:
    return Operation(
        "op-1", "alice", "stop", "{}", "token", "api", "room", "{}", "here", clock.time()
    )


def asked(clock: ManualClock) -> tuple[Approval, ApprovalMessage]:
    soon = clock.time() + 9
    message = ApprovalMessage("key", "ap-1", "api", "room", soon)
    return Approval("ap-1", "alice", "", "", soon, "{}"), message


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_a_claim_is_recognised_after_an_unknown_commit(wire: Wire, cut: Cut, opened) -> None:
    """Nobody can tell whether that commit happened; the claim finds out."""
    store = await opened(wire.url)
    await store.ping()
    wire.cut = cut
    assert await store.claim("one")
    assert wire.cuts == [cut]
    assert not await store.claim("one")


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_an_approval_is_accepted_once_after_an_unknown_commit(
    wire: Wire, cut: Cut, opened, clock: ManualClock
) -> None:
    store = await opened(wire.url)
    await store.add_approval(*asked(clock))
    wire.cut = cut
    assert await store.accept("ap-1", operation(clock))
    assert wire.cuts == [cut]
    assert not await store.accept("ap-1", replace(operation(clock), id="op-2"))
    assert [item.id for item in await store.operations()] == ["op-1"]


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_an_operation_begins_and_ends_once_after_an_unknown_commit(
    wire: Wire, cut: Cut, opened, clock: ManualClock
) -> None:
    store = await opened(wire.url)
    await store.ping()
    wire.cut = cut
    await store.begin(operation(clock))
    wire.cut = cut
    assert await store.finish("op-1", "done", b"answer")
    assert wire.cuts == [cut, cut]
    assert [item.state for item in await store.operations()] == ["done"]


@pytest.mark.parametrize(("cut", "state"), [("before", "pending"), ("after", "cancelled")])
async def test_a_write_that_cannot_repeat_reports_an_unknown_commit(
    wire: Wire, cut: Cut, state: str, opened, clock: ManualClock
) -> None:
    """Whoever cancels must not hear that somebody else did."""
    store = await opened(wire.url)
    await store.add_approval(*asked(clock))
    wire.cut = cut
    with pytest.raises(StoreUnavailable, match="may or may not"):
        await store.cancel("ap-1")
    found = await store.approval("ap-1")
    assert found
    assert found.state == state


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_an_audit_event_is_stored_at_least_once(wire: Wire, cut: Cut, opened) -> None:
    store = await opened(wire.url)
    await store.ping()
    wire.cut = cut
    store.add_audit_event(AuditEvent(at=1.0, request_id="one", person="alice"))
    found = await store.history("alice", 9)
    assert wire.cuts == [cut]
    assert {item.request_id for item in found} == {"one"}


async def test_an_operation_with_an_unknown_beginning_ends(
    wire: Wire, opened, clock: ManualClock
) -> None:
    """Its caller carries nothing out, and nobody else would."""
    store = await opened(wire.url)
    await store.add_approval(*asked(clock))
    wire.cut, wire.then = "after", "before"
    with pytest.raises(StoreUnavailable, match="may or may not"):
        await store.accept("ap-1", operation(clock))
    (found,) = await store.operations()
    assert found.state == "failed"

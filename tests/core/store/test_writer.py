"""Group commit: together when it works, alone when it does not, and never too much at once."""

import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import anyio
import pytest
from sqlalchemy import Connection, text

from smartops.store import StoreClosed, StoreUnavailable
from smartops.store.database import Database, database
from smartops.store.transaction import Act, each
from smartops.store.writer import Writer

pytestmark = pytest.mark.anyio


class Refused(Exception):
    """What a failing act raises."""


class Desk:
    """Writes numbers into a table, and knows which were written together.

    While the gate is closed the writer stands still in its first transaction.
    """

    def __init__(self, database: Database, room: int) -> None:
        self.database = database
        self.room = room
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.written = threading.Event()
        self.together: list[list[int]] = []
        self.add: Act[int, int] = Act("add", self._add)
        self.add_free: Act[int, int] = Act("add", self._add, free=True)
        self.add_freely: Act[int, int] = Act("add", self._add, free=True)
        self.refuse: Act[int, None] = each("refuse", self._refuse)
        self.stop: Act[None, None] = each("stop", self._stop)
        self.writer = Writer(database.writer, room)

    async def stand_still(self, group: anyio.abc.TaskGroup) -> None:
        """Return when the writer is in a transaction that it will not leave by itself."""
        self.gate.clear()
        group.start_soon(self.writer.write, self.stop, None)
        await anyio.to_thread.run_sync(self.entered.wait)

    def numbers(self) -> list[int]:
        with self.database.readers.connect() as connection:
            return list(connection.execute(text("SELECT n FROM numbers ORDER BY rowid")).scalars())

    def _add(self, connection: Connection, numbers: Sequence[int]) -> Sequence[int]:
        self.together.append(list(numbers))
        for number in numbers:
            connection.execute(text("INSERT INTO numbers VALUES (:n)"), {"n": number})
        self.written.set()
        return [number * 10 for number in numbers]

    def _refuse(self, connection: Connection, number: int) -> None:
        connection.execute(text("INSERT INTO numbers VALUES (:n)"), {"n": -number})
        raise Refused(str(number))

    def _stop(self, connection: Connection, _: None) -> None:
        self.entered.set()
        self.gate.wait()


@pytest.fixture
def small(tmp_path: Path) -> Database:
    opened = database(f"sqlite:///{tmp_path / 'numbers.db'}")
    with opened.writer.connect() as connection:
        connection.execute(text("CREATE TABLE numbers (n INTEGER NOT NULL)"))
    return opened


@pytest.fixture
async def desk(small: Database) -> AsyncIterator[Desk]:
    desk = Desk(small, room=10)
    yield desk
    desk.gate.set()
    await desk.writer.aclose()
    small.dispose()


async def test_what_gathered_is_written_together(desk: Desk) -> None:
    found = {}

    async def add(number: int) -> None:
        found[number] = await desk.writer.write(desk.add, number)

    async with anyio.create_task_group() as group:
        await desk.stand_still(group)
        for number in range(8):
            group.start_soon(add, number)
        await anyio.wait_all_tasks_blocked()
        assert desk.together == []
        desk.gate.set()
    assert desk.together == [list(range(8))]
    assert desk.numbers() == list(range(8))
    assert found == {number: number * 10 for number in range(8)}


async def test_what_comes_in_one_turn_of_the_loop_is_written_together(desk: Desk) -> None:
    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(desk.writer.write, desk.add, number)
    assert desk.together == [list(range(8))]


async def test_a_failure_is_its_own(desk: Desk) -> None:
    outcomes: dict[int, object] = {}

    async def write(act: Act[int, object], number: int) -> None:
        try:
            outcomes[number] = await desk.writer.write(act, number)
        except Refused as error:
            outcomes[number] = str(error)

    async with anyio.create_task_group() as group:
        await desk.stand_still(group)
        for number in range(8):
            group.start_soon(write, desk.refuse if number in (2, 5) else desk.add, number)
        await anyio.wait_all_tasks_blocked()
        desk.gate.set()
    assert outcomes == {n: str(n) if n in (2, 5) else n * 10 for n in range(8)}
    assert sorted(desk.numbers()) == [0, 1, 3, 4, 6, 7]


async def test_a_failure_nobody_waits_for_is_logged(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.writer.queue(desk.add, 1)
    desk.writer.queue(desk.refuse, 2)
    desk.writer.queue(desk.add, 3)
    await desk.writer.flush()
    assert desk.numbers() == [1, 3]
    assert [item.getMessage() for item in caplog.records] == ["not written, refuse: 2"]


async def test_order_is_kept_but_among_the_free(desk: Desk) -> None:
    for number in range(3):
        desk.writer.queue(desk.add_free, 100 + number)
        desk.writer.queue(desk.add_freely, 200 + number)
    desk.writer.queue(desk.add, 1)
    desk.writer.queue(desk.add, 2)
    desk.writer.queue(desk.add_free, 103)
    await desk.writer.flush()
    assert desk.together == [[100, 101, 102], [200, 201, 202], [1, 2], [103]]
    assert desk.numbers() == [100, 101, 102, 200, 201, 202, 1, 2, 103]


async def test_queued_writes_are_written_without_anybody_waiting(desk: Desk) -> None:
    desk.writer.queue(desk.add, 1)
    with anyio.fail_after(10):
        await anyio.to_thread.run_sync(desk.written.wait)
    await desk.writer.aclose()
    assert desk.numbers() == [1]


async def test_awaited_writes_wait_for_room(desk: Desk) -> None:
    asked, done = [], []

    async def add(number: int) -> None:
        asked.append(number)
        await desk.writer.write(desk.add, number)
        done.append(number)

    async with anyio.create_task_group() as group:
        await desk.stand_still(group)
        for number in range(50):
            group.start_soon(add, number)
        await anyio.wait_all_tasks_blocked()
        assert len(asked) == 50
        assert len(desk.writer._pending) == 9  # and one is being written
        desk.gate.set()
    assert sorted(done) == sorted(desk.numbers()) == list(range(50))
    assert max(map(len, desk.together)) <= 10


async def test_queued_writes_are_refused_when_far_too_many_wait(desk: Desk) -> None:
    async with anyio.create_task_group() as group:
        await desk.stand_still(group)
        for number in range(19):
            desk.writer.queue(desk.add, number)
        with pytest.raises(StoreUnavailable, match="does not keep up"):
            desk.writer.queue(desk.add, 99)
        desk.gate.set()
    await desk.writer.flush()
    assert desk.numbers() == list(range(19))
    desk.writer.queue(desk.add, 100)


async def test_cancelled_callers_leave_the_others_alone(desk: Desk) -> None:
    done = []

    async def add(number: int, scope: anyio.CancelScope) -> None:
        with scope:
            assert await desk.writer.write(desk.add, number) == number * 10
            done.append(number)

    async with anyio.create_task_group() as group:
        await desk.stand_still(group)
        scopes = [anyio.CancelScope() for _ in range(40)]
        for number, scope in enumerate(scopes):  # 9 are queued, 31 wait for room
            group.start_soon(add, number, scope)
        await anyio.wait_all_tasks_blocked()
        for scope in scopes[::2]:
            scope.cancel()
        await anyio.wait_all_tasks_blocked()
        desk.gate.set()
    assert sorted(done) == list(range(1, 40, 2))
    written = desk.numbers()
    assert len(written) == len(set(written))
    assert set(done) <= set(written)
    assert set(written) - set(done) <= {0, 2, 4, 6, 8}


async def test_closing_writes_everything_first(desk: Desk) -> None:
    found = []

    async def add(number: int) -> None:
        found.append(await desk.writer.write(desk.add, number))

    async with anyio.create_task_group() as group:
        await desk.stand_still(group)
        group.start_soon(add, 1)
        desk.writer.queue(desk.add, 2)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(desk.writer.aclose)
        group.start_soon(desk.writer.aclose)
        await anyio.wait_all_tasks_blocked()
        desk.gate.set()
    assert sorted(desk.numbers()) == [1, 2]
    assert found == [10]


async def test_closing_is_not_cut_short(desk: Desk) -> None:
    async with anyio.create_task_group() as group:
        await desk.stand_still(group)
        desk.writer.queue(desk.add, 1)
        with anyio.CancelScope() as scope:
            scope.cancel()
            desk.gate.set()
            await desk.writer.aclose()
    assert desk.numbers() == [1]


async def test_a_closed_writer_says_so(desk: Desk) -> None:
    async def add(number: int) -> None:
        with pytest.raises(StoreClosed):
            await desk.writer.write(desk.add, number)

    async with anyio.create_task_group() as group:
        await desk.stand_still(group)
        for number in range(9):
            desk.writer.queue(desk.add, number)
        for number in range(100, 105):
            group.start_soon(add, number)  # these wait for room
        await anyio.wait_all_tasks_blocked()
        group.start_soon(desk.writer.aclose)
        await anyio.wait_all_tasks_blocked()
        desk.gate.set()
    assert desk.numbers() == list(range(9))
    await add(1)
    with pytest.raises(StoreClosed):
        desk.writer.queue(desk.add, 1)
    with pytest.raises(StoreClosed):
        await desk.writer.flush()
    await desk.writer.aclose()

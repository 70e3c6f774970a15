"""Group commit: one transaction for many writes, and each failure is its caller's alone."""

import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import anyio.abc
import pytest
from sqlalchemy import Connection, event, text

from smartops.store import StoreClosed, StoreUnavailable, writer
from smartops.store.database import Database, database
from smartops.store.writer import Writer

pytestmark = pytest.mark.anyio


class Refused(Exception):
    """What a failing write raises."""


class Numbers:
    """Writes numbers into a table, and counts commits.

    While the gate is closed the writer stands still in its first transaction.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.written = threading.Event()
        self.commits = 0
        self.writer = Writer(database.writer, limit=20)
        event.listen(database.writer, "commit", self._committed)

    async def stand_still(self, group: anyio.abc.TaskGroup) -> None:
        """Return when the writer is in a transaction that it will not leave by itself."""
        self.gate.clear()
        group.start_soon(self.writer.write, self._stop)
        await anyio.to_thread.run_sync(self.entered.wait)

    def stored(self) -> list[int]:
        with self.database.readers.connect() as connection:
            return list(connection.execute(text("SELECT n FROM numbers ORDER BY rowid")).scalars())

    def add(self, number: int) -> Callable[[Connection], int]:
        def insert(connection: Connection) -> int:
            connection.execute(text("INSERT INTO numbers VALUES (:n)"), {"n": number})
            self.written.set()
            return number * 10

        return insert

    def refuse(self, number: int) -> Callable[[Connection], int]:
        def insert_and_fail(connection: Connection) -> int:
            connection.execute(text("INSERT INTO numbers VALUES (:n)"), {"n": -number})
            raise Refused(str(number))

        return insert_and_fail

    def _stop(self, _: Connection) -> None:
        self.entered.set()
        self.gate.wait()

    def _committed(self, _: Connection) -> None:
        self.commits += 1


@pytest.fixture
async def numbers(tmp_path: Path) -> AsyncIterator[Numbers]:
    opened = database(f"sqlite:///{tmp_path / 'numbers.db'}")
    with opened.writer.begin() as connection:
        connection.execute(text("CREATE TABLE numbers (n INTEGER NOT NULL)"))
    numbers = Numbers(opened)
    yield numbers
    numbers.gate.set()
    await numbers.writer.aclose()
    opened.dispose()


async def test_queued_writes_are_committed_with_the_next_awaited_one(
    numbers: Numbers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "GATHER", 3600)
    for number in range(3):
        numbers.writer.queue(numbers.add(number))
        await anyio.sleep(0.01)  # the thread could write now
    await numbers.writer.write(numbers.add(3))
    assert numbers.commits == 1
    assert numbers.stored() == [0, 1, 2, 3]


async def test_queued_writes_are_committed_soon(numbers: Numbers) -> None:
    numbers.writer.queue(numbers.add(1))
    assert await anyio.to_thread.run_sync(numbers.written.wait, 10)


async def test_writes_that_wait_are_committed_together(numbers: Numbers) -> None:
    found = {}

    async def add(number: int) -> None:
        found[number] = await numbers.writer.write(numbers.add(number))

    async with anyio.create_task_group() as group:
        await numbers.stand_still(group)
        for number in range(8):
            group.start_soon(add, number)
        await anyio.wait_all_tasks_blocked()
        assert numbers.commits == 0
        numbers.gate.set()
    assert numbers.commits == 2  # the one that stood still, and all the rest
    assert numbers.stored() == list(range(8))
    assert found == {number: number * 10 for number in range(8)}


async def test_a_failing_write_fails_alone(numbers: Numbers) -> None:
    outcomes: dict[int, object] = {}

    async def write(number: int) -> None:
        function = numbers.refuse if number in (2, 5) else numbers.add
        try:
            outcomes[number] = await numbers.writer.write(function(number))
        except Refused as error:
            outcomes[number] = str(error)

    async with anyio.create_task_group() as group:
        await numbers.stand_still(group)
        for number in range(8):
            group.start_soon(write, number)
        await anyio.wait_all_tasks_blocked()
        numbers.gate.set()
    assert outcomes == {n: str(n) if n in (2, 5) else n * 10 for n in range(8)}
    assert sorted(numbers.stored()) == [0, 1, 3, 4, 6, 7]


async def test_a_failing_queued_write_is_logged(
    numbers: Numbers, caplog: pytest.LogCaptureFixture
) -> None:
    numbers.writer.queue(numbers.add(1))
    numbers.writer.queue(numbers.refuse(2))
    numbers.writer.queue(numbers.add(3))
    await numbers.writer.flush()
    assert numbers.stored() == [1, 3]
    (line,) = [item.getMessage() for item in caplog.records]
    assert line.startswith("write failed in ")
    assert line.endswith("insert_and_fail: 2")


async def test_rows_of_one_function_are_written_together_before_other_writes(
    numbers: Numbers,
) -> None:
    found, calls = {}, []

    def insert(connection: Connection, rows: list[int]) -> list[int]:
        calls.append(rows)
        connection.execute(text("INSERT INTO numbers VALUES (:n)"), [{"n": row} for row in rows])
        return [row * 10 for row in rows]

    async def add(number: int) -> None:
        found[number] = await numbers.writer.write(insert, row=number)

    async with anyio.create_task_group() as group:
        await numbers.stand_still(group)
        numbers.writer.queue(numbers.add(9))
        for number in range(3):
            group.start_soon(add, number)
        await anyio.wait_all_tasks_blocked()
        numbers.gate.set()
    assert calls == [[0, 1, 2]]
    assert found == {0: 0, 1: 10, 2: 20}
    assert numbers.stored() == [0, 1, 2, 9]


async def test_queued_writes_need_no_caller(numbers: Numbers) -> None:
    numbers.writer.queue(numbers.add(1))
    with anyio.fail_after(10):
        await anyio.to_thread.run_sync(numbers.written.wait)
    await numbers.writer.aclose()
    assert numbers.stored() == [1]


async def test_too_many_waiting_writes_are_refused(numbers: Numbers) -> None:
    async with anyio.create_task_group() as group:
        await numbers.stand_still(group)
        for number in range(19):
            numbers.writer.queue(numbers.add(number))
        with pytest.raises(StoreUnavailable, match="does not keep up"):
            numbers.writer.queue(numbers.add(99))
        with pytest.raises(StoreUnavailable, match="does not keep up"):
            await numbers.writer.write(numbers.add(99))
        numbers.gate.set()
    await numbers.writer.flush()
    assert numbers.stored() == list(range(19))
    assert await numbers.writer.write(numbers.add(100)) == 1000


async def test_a_cancelled_caller_does_not_affect_the_others(numbers: Numbers) -> None:
    done = []

    async def add(number: int, scope: anyio.CancelScope) -> None:
        with scope:
            assert await numbers.writer.write(numbers.add(number)) == number * 10
            done.append(number)

    async with anyio.create_task_group() as group:
        await numbers.stand_still(group)
        scopes = [anyio.CancelScope() for _ in range(10)]
        for number, scope in enumerate(scopes):
            group.start_soon(add, number, scope)
        await anyio.wait_all_tasks_blocked()
        for scope in scopes[::2]:
            scope.cancel()
        await anyio.wait_all_tasks_blocked()
        numbers.gate.set()
    assert sorted(done) == list(range(1, 10, 2))
    assert set(done) <= set(numbers.stored())


async def test_closing_writes_what_waits(numbers: Numbers) -> None:
    found = []

    async def add(number: int) -> None:
        found.append(await numbers.writer.write(numbers.add(number)))

    async with anyio.create_task_group() as group:
        await numbers.stand_still(group)
        group.start_soon(add, 1)
        numbers.writer.queue(numbers.add(2))
        await anyio.wait_all_tasks_blocked()
        group.start_soon(numbers.writer.aclose)
        group.start_soon(numbers.writer.aclose)
        await anyio.wait_all_tasks_blocked()
        numbers.gate.set()
    assert sorted(numbers.stored()) == [1, 2]
    assert found == [10]


async def test_cancelling_does_not_cut_closing_short(numbers: Numbers) -> None:
    async with anyio.create_task_group() as group:
        await numbers.stand_still(group)
        numbers.writer.queue(numbers.add(1))
        with anyio.CancelScope() as scope:
            scope.cancel()
            numbers.gate.set()
            await numbers.writer.aclose()
    assert numbers.stored() == [1]


async def test_a_closed_writer_refuses(numbers: Numbers) -> None:
    numbers.writer.queue(numbers.add(1))
    await numbers.writer.aclose()
    with pytest.raises(StoreClosed):
        await numbers.writer.write(numbers.add(2))
    with pytest.raises(StoreClosed):
        numbers.writer.queue(numbers.add(2))
    with pytest.raises(StoreClosed):
        await numbers.writer.flush()
    assert numbers.stored() == [1]

"""Reading and writing the database: one function, one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import anyio
import anyio.to_thread
from sqlalchemy import Connection, RowMapping, Select, Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import SQLAlchemyError

from smartops.services import Clock

from .chain import Chain
from .database import READERS, Database
from .rows import StoreUnavailable
from .seal import Seal
from .writer import Writer

R = TypeVar("R")


class Access:
    """The base of the store's parts. ``owner`` names this process in leases."""

    def __init__(self, database: Database, clock: Clock, owner: str) -> None:
        self.owner = owner
        self._database = database
        self._clock = clock
        self._chain = Chain()
        self._seal = Seal()
        self._writer = Writer(database.writer, settled=self._chain.settle)
        self._readers = anyio.CapacityLimiter(READERS)

    async def _write(
        self,
        function: Callable[[Connection], R],
        *,
        repeatable: bool = True,
    ) -> R:
        result: R = await self._writer.write(function, repeatable=repeatable)
        return result

    def _queue(self, function: Callable[[Connection], object]) -> None:
        self._writer.queue(function)

    async def flush(self) -> None:
        """Return when all that was stored "soon" is durable."""
        await self._writer.flush()

    async def _read(self, query: Select[Any]) -> Sequence[RowMapping]:
        """Return the rows; they include everything that this process wrote before."""
        await self._writer.flush()
        return await anyio.to_thread.run_sync(self._fetch, query, limiter=self._readers)

    def _fetch(self, query: Select[Any]) -> Sequence[RowMapping]:
        try:
            with self._database.readers.connect() as connection:
                return connection.execute(query).mappings().all()
        except SQLAlchemyError as error:
            raise StoreUnavailable("The store cannot be read", retry_after=1) from error


def upsert(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Insert the row, or update the one with the same primary key."""
    keys = [column.name for column in table.primary_key]
    rest = {name: value for name, value in row.items() if name not in keys}
    statement = insert(table, connection.dialect.name).values(dict(row))
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=rest))


def insert(table: Table, dialect: str) -> Any:
    """Return an INSERT that can say what to do on a conflict."""
    if dialect == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # takes 80 ms, which SQLite users need not wait

    return postgresql.insert(table)

"""Putting a row where one may be already, whatever another process does meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def put(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Insert the row, or change the one with the same primary key to it."""
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    keys = [column.name for column in table.primary_key]
    rest = {name: value for name, value in row.items() if name not in keys}
    statement = dialect.insert(table).values(dict(row))
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=rest))

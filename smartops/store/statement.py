"""Statements that are compiled once and given to the driver as they are.

Building them anew for each message would cost more than running them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Dialect, bindparam
from sqlalchemy.sql import ClauseElement

from .tables import storable

_Ready = tuple[str, Callable[[Any], tuple[Any, ...]]]


class Statement:
    """A statement that runs for many rows at little more than the driver's price.

    Its parameters are attributes of the rows. ``special`` are statements for
    the dialects that need another.
    """

    def __init__(self, statement: ClauseElement, **special: ClauseElement) -> None:
        self._statement = statement
        self._special = special
        self._ready: dict[str, _Ready] = {}

    def run(self, connection: Connection, rows: Sequence[object]) -> int:
        """Run it, and return how many rows it changed in all."""
        sql, values = self._ready.get(connection.dialect.name) or self._compile(connection.dialect)
        cursor = connection.connection.cursor()
        try:
            cursor.executemany(sql, [_storable(values(row)) for row in rows])
            return cursor.rowcount
        finally:
            cursor.close()

    def _compile(self, dialect: Dialect) -> _Ready:
        compiled: Any = self._special.get(dialect.name, self._statement).compile(dialect=dialect)
        self._ready[dialect.name] = ready = (str(compiled), _values(*compiled.positiontup))
        return ready


def _values(*names: str) -> Callable[[Any], tuple[Any, ...]]:
    get = attrgetter(*names)
    return get if len(names) > 1 else lambda row: (get(row),)


def _storable(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple([storable(value) if value.__class__ is str else value for value in values])


def parameters(*names: str) -> dict[str, Any]:
    """Return columns and their values, which the rows give."""
    return {name: bindparam(name) for name in names}

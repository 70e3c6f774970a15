"""Stacks: columns of a table that channels with little space show as one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

Row = tuple[Any, ...]
"""The cells of a row: texts, some with a severity."""

_STARTS = frozenset("0123456789–")  # noqa: RUF001 - the dash for a missing number
_NUMBER = re.compile(r"\d[\d,]*(\.\d+)?|–")  # noqa: RUF001 - the dash for a missing number


@dataclass(frozen=True, slots=True)
class Stack:
    """Columns of a table that channels with little space show as one."""

    places: tuple[int, ...]
    names: tuple[str, ...]

    def lines(self, row: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """Return the lines of a row in this stack: the leading ones, and the rest.

        Numbers are labelled with the names of their columns, and all are leading.
        Otherwise the first column is leading, and other empty cells are left out.
        """
        cells = [row[place] for place in self.places]
        if len(cells) == 1:
            return cells, []
        labelled = list(map(_labelled, self.names, cells))
        if labelled[0] is not cells[0]:
            return list(filter(None, labelled)), []
        return cells[:1], list(filter(None, labelled[1:]))

    def labels(self, row: Row) -> bool:
        """Return whether the lines of a row are labelled with the names of their columns."""
        first = row[self.places[0]]
        return len(self.places) > 1 and _labelled(self.names[0], first) is not first


def _labelled(name: str, cell: Any) -> Any:
    """Return a number with the name of its column; other cells are returned as they are."""
    if not isinstance(cell, str) or cell[:1] not in _STARTS or not _NUMBER.fullmatch(cell):
        return cell
    unit = "%" if name.endswith(" %") and cell[0].isdigit() else ""
    return f"{name.removesuffix(' %')}\u00a0{cell}{unit}"


@lru_cache(maxsize=256)
def stacked(columns: tuple[str, ...], together: tuple[tuple[str, ...], ...]) -> tuple[Stack, ...]:
    """Return the stacks; a column that is in no group is a stack by itself."""
    groups: dict[tuple[str, ...] | int, list[int]] = {}
    for place, name in enumerate(columns):
        group = next((names for names in together if name in names), place)
        groups.setdefault(group, []).append(place)
    for group, places in groups.items():
        if isinstance(group, tuple):
            places.sort(key=lambda place: group.index(columns[place]))
    return tuple(
        Stack(tuple(places), tuple(columns[place] for place in places))
        for places in groups.values()
    )

"""Columns of a table that are shown as one where there is little space."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

Row = tuple[Any, ...]
"""The cells of a row: texts, and what is a text with a severity."""

_NUMBER = re.compile(r"\d[\d,]*(\.\d+)?|–")  # noqa: RUF001 - the dash stands for a number


@dataclass(frozen=True, slots=True)
class Stack:
    """Columns of a table that are shown as one where there is little space."""

    places: tuple[int, ...]
    names: tuple[str, ...]

    def lines(self, row: Row) -> tuple[Row, Row]:
        """Return the lines that a row has here: the leading ones, and the rest.

        Numbers are labelled with their column's name, and all lead. Otherwise the
        first column leads; of the rest, empty cells are left out.
        """
        cells = tuple([row[place] for place in self.places])
        if len(cells) == 1:
            return cells, ()
        lines = tuple([_labelled(name, cell) for name, cell in zip(self.names, cells, strict=True)])
        if self.labels(row):
            return tuple(filter(None, lines)), ()
        return lines[:1], tuple(filter(None, lines[1:]))

    def labels(self, row: Row) -> bool:
        """Return whether the lines of a row carry the names of their columns."""
        first = row[self.places[0]]
        return len(self.places) > 1 and _labelled(self.names[0], first) != first


def _labelled(name: str, cell: Any) -> Any:
    if not isinstance(cell, str) or not _NUMBER.fullmatch(cell):
        return cell
    unit = "%" if name.endswith(" %") and cell[0].isdigit() else ""
    return f"{name.removesuffix(' %')}\u00a0{cell}{unit}"


@lru_cache(maxsize=256)
def stacked(columns: tuple[str, ...], together: tuple[tuple[str, ...], ...]) -> tuple[Stack, ...]:
    """Return the columns in stacks; those that are not named together stand alone."""
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

"""Tables: few columns, each wide enough for its longest word on a phone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from smartops import Cell, Table
from smartops.channels import Stack

from .text import BOLD, SUBTLE, Element, Inlines, cut, rich, run

Row = tuple[str | Cell, ...]
Lines = tuple[list[str], list[str]]
"""The texts of a cell: those in normal size, and the smaller ones below them."""

_LONGEST_CELL = 400
_SAMPLE = 25
"""Rows that the widths are calculated from."""

_PHONE = 44.0
"""Characters beside each other on a phone, with the padding of cells."""

_PADDING = 2.4
_LONGEST_WORD, _LONGEST_LINE = 24, 40
_SMALL, _BOLD, _CAPITAL, _SPACE, _MARK = 0.87, 1.1, 1.2, 0.6, 2.5
"""Widths of smaller text, bold text, capitals, no-break spaces and marks, in characters."""


def table(block: Table) -> Element:
    """Return a table with a header."""
    stacks = block.stacks
    rows = [_lines(stacks, cells) for cells in block.rows]
    return {
        "type": "Table",
        "columns": [{"width": width} for width in _widths(stacks, rows[:_SAMPLE])],
        "rows": [
            _row(_header(stack, block.rows) for stack in stacks),
            *(_row(map(_cell, lines)) for lines in rows),
        ],
    }


def row(stacks: Sequence[Stack], cells: Row) -> Element:
    """Return one row of values."""
    return _row(map(_cell, _lines(stacks, cells)))


def _row(cells: Iterable[Inlines]) -> Element:
    return {
        "type": "TableRow",
        "cells": [{"type": "TableCell", "items": [rich(inlines)]} for inlines in cells],
    }


def _header(stack: Stack, rows: Sequence[Row]) -> Inlines:
    """Return the names of the columns; labelled cells have the unit themselves."""
    labelled = rows and stack.labels(rows[0])
    names = (name.removesuffix(" %") if labelled else name for name in stack.names)
    first, *rest = map(_text, names)
    more = run(f", {', '.join(rest)}", SUBTLE) if rest else []
    return [*run(first or " ", BOLD), *more]


def _lines(stacks: Sequence[Stack], cells: Row) -> list[Lines]:
    texts = list(map(_text, cells))
    return [stack.lines(texts) for stack in stacks]


def _text(cell: str | Cell) -> str:
    if isinstance(cell, Cell):
        return f"{cell.severity.mark}\u00a0{cut(cell.text, _LONGEST_CELL)}"
    return cut(cell, _LONGEST_CELL)


def _cell(lines: Lines) -> Inlines:
    leading, rest = lines
    inlines = run("\n".join(leading) or " ")
    if rest:
        inlines += run("\n" + "\n".join(rest), SUBTLE)
    return inlines


def _widths(stacks: Sequence[Stack], rows: Sequence[Sequence[Lines]]) -> list[int]:
    """Return the columns' shares of the width.

    On a phone each column is as wide as its longest word. The rest of the width goes
    to the columns with the longest lines.
    """
    sizes = [_size(stack, [row[place] for row in rows]) for place, stack in enumerate(stacks)]
    needed = sum(word for word, _ in sizes)
    left = max(_PHONE - _PADDING * len(sizes) - needed, 0.0)
    wanted = sum(line - word for word, line in sizes)
    shares = [(line - word) / wanted if wanted else word / needed for word, line in sizes]
    return [
        round(10 * (word + _PADDING + left * share))
        for (word, _), share in zip(sizes, shares, strict=True)
    ]


def _size(stack: Stack, cells: Sequence[Lines]) -> tuple[float, float]:
    """Return the widths of a column's longest word and longest line, up to a limit."""
    leading = [stack.names[0], *(text for lines, _ in cells for text in lines)]
    rest = [*stack.names[1:], *(text for _, lines in cells for text in lines)]
    header = _BOLD * _widest_word(stack.names[:1])
    words = 1.0, header, _widest_word(leading), _SMALL * _widest_word(rest)
    lines = 1.0, _longest_line(leading), _SMALL * _longest_line(rest)
    return max(words), max(lines)


def _widest_word(texts: Sequence[str]) -> float:
    return min(max(map(_width, set(" ".join(texts).split(" ")))), _LONGEST_WORD)


@lru_cache(maxsize=8192)
def _width(word: str) -> float:
    width = float(len(word))
    if word != word.lower():
        width += (_CAPITAL - 1) * sum(map(str.isupper, word))
    if not word.isascii():
        width += (_SPACE - 1) * word.count("\u00a0")
        width += (_MARK - 1) * sum(letter > "\uffff" for letter in word)
    return width


def _longest_line(texts: Sequence[str]) -> int:
    return min(max(map(len, texts), default=0), _LONGEST_LINE)

"""Tables: at most a few columns, each wide enough for its longest word on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from smartops import Cell, Table
from smartops.channels import Stack, clean

from .text import BOLD, SUBTLE, run, shortened

Row = tuple[str | Cell, ...]

LONGEST_CELL = 400
_SAMPLE = 25
_PHONE = 44.0
"""Characters beside each other on a phone, cell padding included."""

_PADDING = 2.4
_LONGEST_WORD, _LONGEST_LINE = 24, 40
_SMALL = 0.86
"""The size of a subtle line, compared with the first of its cell."""

_START = (
    '{"type":"TableRow","cells":[{"type":"TableCell","items":[{"type":"RichTextBlock","inlines":['
)
_BETWEEN = ']}]},{"type":"TableCell","items":[{"type":"RichTextBlock","inlines":['
_END = "]}]}]}"


@lru_cache(maxsize=128)
def header(stacks: tuple[Stack, ...]) -> str:
    """Return the row of the columns' names, which are the same ones every time."""
    return _joined(_named(stack) for stack in stacks)


@lru_cache(maxsize=2048)
def row(stacks: tuple[Stack, ...], cells: Row) -> str:
    """Return one row. Who lists machines sees most of them as they were the last time."""
    return _joined(_cell(stack, cells) for stack in stacks)


@lru_cache(maxsize=128)
def columns(stacks: tuple[Stack, ...], rows: tuple[Row, ...]) -> str:
    """Return the columns' shares of the width.

    On a phone each has what its longest word needs; what is left goes to those
    with the longest lines.
    """
    sizes = [_size(stack, rows) for stack in stacks]
    needed = sum(word for word, _ in sizes)
    left = max(_PHONE - _PADDING * len(sizes) - needed, 0.0)
    wanted = sum(line - word for word, line in sizes)
    shares = (
        word + _PADDING + left * ((line - word) / wanted if wanted else word / needed)
        for word, line in sizes
    )
    return ",".join(f'{{"width":{round(10 * share)}}}' for share in shares)


def shown(table: Table) -> str:
    """Return the JSON text of a table up to its first row of values."""
    widths = columns(table.stacks, table.rows[:_SAMPLE])
    return f'{{"type":"Table","columns":[{widths}],"rows":[{header(table.stacks)}'


def _size(stack: Stack, rows: tuple[Row, ...]) -> tuple[float, float]:
    """Return how long the longest word and the longest line of a column are, within reason."""
    word, line = 1.0, 1.0
    for text, scale in _lines(stack, rows):
        longest = max(map(len, text.split(" "))) + text.count("\u00a0") / 2
        word = max(word, scale * min(longest, _LONGEST_WORD))
        line = max(line, scale * min(len(text), _LONGEST_LINE))
    return word, line


def _lines(stack: Stack, rows: tuple[Row, ...]) -> Iterator[tuple[str, float]]:
    yield stack.names[0], 1.0
    yield from ((name, _SMALL) for name in stack.names[1:])
    for cells in rows:
        leading, rest = stack.lines(cells)
        yield from ((_text(cell), 1.0) for cell in leading)
        yield from ((_text(cell), _SMALL) for cell in rest)


def _joined(inlines: Iterator[str]) -> str:
    return f"{_START}{_BETWEEN.join(inlines)}{_END}"


def _named(stack: Stack) -> str:
    first, *rest = map(_short, stack.names)
    more = f", {', '.join(rest)}" if rest else ""
    return run(first or " ", BOLD) + (f",{run(more, SUBTLE)}" if more else "")


def _cell(stack: Stack, cells: Row) -> str:
    leading, rest = stack.lines(cells)
    inlines = run("\n".join(_short(_text(cell)) for cell in leading) or " ")
    if not rest:
        return inlines
    more = "".join(f"\n{_short(_text(cell))}" for cell in rest)
    return f"{inlines},{run(more, SUBTLE)}"


def _text(cell: str | Cell) -> str:
    return f"{cell.severity.mark}\u00a0{cell.text}" if isinstance(cell, Cell) else cell


def _short(text: str) -> str:
    return clean(shortened(text, LONGEST_CELL))

"""Tables: the one block with hundreds of texts, so the one where each must be cheap."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from smartops import Cell, Table, clean

from .text import BOLD, colour, quote, run, shortened

LONGEST_CELL = 400
_SAMPLE = 25
_NARROWEST, _WIDEST = 4, 30
_PADDING = 3
"""What the space beside a text takes, in characters."""

_START = (
    '{"type":"TableRow","cells":[{"type":"TableCell","items":[{"type":"RichTextBlock","inlines":['
)
_BETWEEN = ']}]},{"type":"TableCell","items":[{"type":"RichTextBlock","inlines":['
_END = "]}]}]}"


@lru_cache(maxsize=128)
def header(names: tuple[str, ...]) -> str:
    """Return the row of the columns' names, which are the same ones every time."""
    return _joined([run(_shown(name), BOLD) for name in names])


@lru_cache(maxsize=2048)
def row(cells: tuple[str | Cell, ...]) -> str:
    """Return one row. One that holds nothing but short, plain text is written at once.

    Who lists machines sees most of them as they were the last time.
    """
    inlines = [quote(cell or " ") if isinstance(cell, str) else _coloured(cell) for cell in cells]
    together = "".join(inlines)
    if (
        len(together) > LONGEST_CELL
        or not together.isascii()
        or "\\" in together
        or "{{" in together
    ):
        inlines = [_careful(cell) for cell in cells]
    return _joined(inlines)


def columns(table: Table) -> str:
    """Return the columns' shares of the width: by what they hold, within reason."""
    return _widths(table.columns, table.rows[:_SAMPLE])


@lru_cache(maxsize=128)
def _widths(names: tuple[str, ...], sample: tuple[tuple[str | Cell, ...], ...]) -> str:
    widths = (_width(name, cells) for name, *cells in zip(names, *sample, strict=False))
    shares = (min(max(width, _NARROWEST), _WIDEST) + _PADDING for width in widths)
    return ",".join(f'{{"width":{share}}}' for share in shares)


def _width(name: str, cells: Sequence[str | Cell]) -> int:
    """Return how many characters a column needs: several words of a cell may be folded."""
    texts = [cell if isinstance(cell, str) else cell.text for cell in cells]
    longest = max(texts, key=len, default="")
    word = max(map(len, longest.split()), default=0)
    return max(len(name), (word + len(longest) + 1) // 2)


def _joined(inlines: Sequence[str]) -> str:
    return f"{_START}{_BETWEEN.join(inlines)}{_END}"


def _coloured(cell: Cell) -> str:
    return f'{{"type":"TextRun","text":{quote(cell.text or " ")},{colour(cell.severity)}}}'


def _careful(cell: str | Cell) -> str:
    if isinstance(cell, str):
        return run(_shown(cell))
    return run(_shown(cell.text), colour(cell.severity))


def _shown(text: str) -> str:
    return clean(shortened(text, LONGEST_CELL)) or " "

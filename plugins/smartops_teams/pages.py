"""A reply that is too large for one card as several cards, complete.

Blocks go onto pages in order. A block that does not fit is split: a table between
rows (each page repeats the header), output between lines, findings one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from smartops import Code, Fields, Issues, Reply, Table, Text
from smartops.channels import Form, clean, grouped, json_size, lines_of

from .blocks import render
from .cards import LIMIT, card
from .table import row
from .text import Element, with_columns

Block = Text | Fields | Table | Code | Issues | Form

_RESERVE = 1_000
"""Bytes for the number of the page, and for a longer summary."""

_BRACES = 100
"""Bytes that two separated braces cost."""

_MINIMUM = 2_000
"""Bytes that must be free on a page to begin a block there."""

_LONGEST_LINE = 6_000
"""Bytes of one line of output or text; a longer one is split."""

_REST = Text("The rest of the answer does not fit in a card.", style="note")


def cards(reply: Reply) -> list[Element]:
    """Return one card if the reply fits, else one for each page."""
    whole = card(reply)
    return [whole] if json_size(whole) <= LIMIT else [card(part) for part in pages(reply)]


def pages(reply: Reply) -> list[Reply]:
    """Return replies that each fit into a card, in order. The last one has the buttons."""
    frame = json_size({**card(reply), "body": []})
    views = list(_views(reply.view, LIMIT - frame - _RESERVE))
    total = len(views)
    return [
        replace(
            reply,
            view=_numbered(view, number, total) if total > 1 else view,
            actions=reply.actions if number == total else (),
        )
        for number, view in enumerate(views, 1)
    ]


def _numbered(view: tuple[Block, ...], number: int, total: int) -> tuple[Block, ...]:
    part = Text(f"Part {number} of {total}", style="note")
    return (*view, part) if number == 1 else (part, *view)


def _views(view: Sequence[Block], room: int) -> Iterator[tuple[Block, ...]]:
    page: list[Block] = []
    left = room
    for block in view:
        for part, size, on_next in _parts(block, left, room):
            if on_next and page:
                yield tuple(page)
                page, left = [], room
            page.append(part)
            left -= size
    yield tuple(page)


def _parts(block: Block, left: int, room: int) -> Iterator[tuple[Block, int, bool]]:
    """Yield a block or its parts, each with its bytes, and whether it begins a page."""
    size = _size(block)
    split = _SPLITS.get(type(block))
    if size <= left or split is None:
        yield _fitting(block, size, room, on_next=size > left)
        return
    pieces = split(block)
    on_next = left < _MINIMUM + pieces.base
    first = (room if on_next else left) - pieces.base
    for group in grouped(pieces.items, room - pieces.base, pieces.size, first=first):
        part = pieces.joined(group)
        yield _fitting(part, _size(part), room, on_next=on_next)
        on_next = True


def _fitting(block: Block, size: int, room: int, *, on_next: bool) -> tuple[Block, int, bool]:
    """Replace what cannot be split: a wide row, or a form, which can be answered by typing."""
    if size > room:
        block = Text(block.title) if isinstance(block, Form) else _REST
        size = _size(block)
    return block, size, on_next


def _size(block: Block) -> int:
    return sum(json_size(element) + 1 for element in render(block))


class _Pieces(NamedTuple):
    """The pieces of a block, the bytes of each piece and of the rest, and how to join some."""

    items: Iterable[Any]
    size: Callable[[Any], int]
    joined: Callable[[list[Any]], Block]
    base: int = 0


def _rows(block: Table) -> _Pieces:
    return _Pieces(
        block.rows,
        lambda cells: json_size(row(block.stacks, cells)) + 1,
        lambda rows: replace(block, rows=tuple(rows)),
        _size(replace(block, rows=block.rows[:1])),
    )


def _lines(block: Code | Text) -> _Pieces:
    displayed = with_columns if isinstance(block, Code) else clean

    def size(line: str) -> int:
        return json_size(displayed(line)) + _BRACES * line.count("{{")

    return _Pieces(
        lines_of(block.text.replace("\r\n", "\n"), _LONGEST_LINE, size),
        size,
        lambda lines: replace(block, text="".join(lines).removesuffix("\n")),
        _size(replace(block, text=".")) + _BRACES,
    )


_SPLITS: dict[type, Callable[[Any], _Pieces]] = {
    Table: _rows,
    Issues: lambda block: _Pieces(
        block.items, lambda item: _size(Issues((item,))), lambda some: Issues(tuple(some))
    ),
    Fields: lambda block: _Pieces(
        block.pairs, lambda pair: _size(Fields((pair,))), lambda some: Fields(tuple(some))
    ),
    Code: _lines,
    Text: _lines,
}

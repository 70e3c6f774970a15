"""A reply that is too long for one card as several: nothing of it is left out.

Blocks go onto pages in order. One that does not fit where it comes is split
where its reader would do it: a table between rows (each page has the header),
output between lines, findings one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from smartops import Code, Fields, Issues, Reply, Table, Text
from smartops.channels import Form, clean, grouped, json_size, lines_of

from . import table
from .blocks import render
from .cards import LIMIT, card, fits
from .text import unfolded

Block = Text | Fields | Table | Code | Issues | Form
Piece = TypeVar("Piece")

_RESERVE = 1_000
"""Bytes for the number of the page, and for a longer summary."""

_BRACES = 100
"""Bytes that it costs when two braces are kept apart."""

_WORTH = 2_000
"""Bytes that must be left on a page for the beginning of a block to go there."""

_LONGEST = 6_000
"""Bytes of one line of output or text; a longer one is split."""

_REST = Text("The rest of the answer does not fit in a card.", style="note")


def pages(reply: Reply) -> list[Reply]:
    """Return the reply itself if it fits into a card, else replies that do, in order.

    The last one has the buttons.
    """
    whole = card(reply)
    if fits(whole):
        return [reply]
    views = list(_views(reply.view, LIMIT - json_size({**whole, "body": []}) - _RESERVE))
    total = len(views)
    if total == 1:
        return [replace(reply, view=views[0])]
    return [
        replace(
            reply,
            view=_numbered(view, number, total),
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
        for part, cost, on_next in _parts(block, left, room):
            if on_next and page:
                yield tuple(page)
                page, left = [], room
            page.append(part)
            left -= cost
    yield tuple(page)


def _parts(block: Block, left: int, room: int) -> Iterator[tuple[Block, int, bool]]:
    """Return a block or its parts, each with its bytes, and whether it begins a page."""
    cost = _size(block)
    split = _SPLITS.get(type(block))
    if cost <= left or split is None:
        yield _fitting(block, cost, room, on_next=cost > left)
        return
    pieces = split(block)
    on_next = left < _WORTH + pieces.base
    first = (room if on_next else left) - pieces.base
    for group in grouped(pieces.items, room - pieces.base, pieces.size, first=first):
        part = pieces.joined(group)
        yield _fitting(part, _size(part), room, on_next=on_next)
        on_next = True


def _fitting(block: Block, cost: int, room: int, *, on_next: bool) -> tuple[Block, int, bool]:
    if cost > room:  # a wide row, or a form, which can be answered by typing too
        block = Text(block.title) if isinstance(block, Form) else _REST
        cost = _size(block)
    return block, cost, on_next


def _size(block: Block) -> int:
    return sum(json_size(element) + 1 for element in render(block))


@dataclass(frozen=True, slots=True)
class _Pieces(Generic[Piece]):
    """What a block can be split into, the bytes of each and of the rest, and how to join some."""

    items: Iterable[Piece]
    size: Callable[[Piece], int]
    joined: Callable[[list[Piece]], Block]
    base: int = 0


def _rows(block: Table) -> _Pieces[Any]:
    return _Pieces(
        block.rows,
        lambda cells: json_size(table.row(block.stacks, cells)) + 1,
        lambda rows: replace(block, rows=tuple(rows)),
        _size(replace(block, rows=block.rows[:1])),
    )


def _findings(block: Issues) -> _Pieces[Any]:
    return _Pieces(block.items, lambda item: _size(Issues((item,))), lambda i: Issues(tuple(i)))


def _pairs(block: Fields) -> _Pieces[Any]:
    return _Pieces(block.pairs, lambda pair: _size(Fields((pair,))), lambda p: Fields(tuple(p)))


def _output(block: Code) -> _Pieces[str]:
    return _lines(block, unfolded)


def _paragraphs(block: Text) -> _Pieces[str]:
    return _lines(block, clean)


def _lines(block: Code | Text, shown: Callable[[str], str]) -> _Pieces[str]:
    def size(line: str) -> int:
        return json_size(shown(line)) + _BRACES * line.count("{{")

    return _Pieces(
        lines_of(block.text.replace("\r\n", "\n"), _LONGEST, size),
        size,
        lambda lines: replace(block, text="".join(lines).removesuffix("\n")),
        _size(replace(block, text=".")) + _BRACES,
    )


_SPLITS: dict[type, Callable[[Any], _Pieces[Any]]] = {
    Table: _rows,
    Issues: _findings,
    Fields: _pairs,
    Code: _output,
    Text: _paragraphs,
}

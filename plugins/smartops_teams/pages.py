"""A reply that is too long for one card as several: nothing of it is left out.

Blocks go onto pages in order. One that does not fit where it comes is taken
apart where its reader would do it: a table between rows (each page has the
header), output between lines, findings one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from smartops import Code, Fields, Issues, Reply, Table, Text
from smartops.channels import Form, clean

from . import blocks, table
from .cards import room
from .text import fit, quote, size, unfolded

Block = Text | Fields | Table | Code | Issues | Form

_SPLIT = 100
"""Bytes that it costs when two braces are kept apart."""

_WORTH = 2_000
"""Bytes that must be left on a page for the beginning of a block to go there."""

_LONGEST = 6_000
"""Bytes of one line of output or text; a longer one is taken apart."""


def pages(reply: Reply) -> list[Reply]:
    """Return the reply itself if it fits into a card, else replies that do, in order.

    The last one has the buttons.
    """
    space = room(reply)
    if _size(reply.view, space) <= space:
        return [reply]
    views = list(_Pages(space).of(reply.view))
    total = len(views)
    if total == 1:
        return [replace(reply, view=views[0])]
    return [
        replace(
            reply,
            view=_numbered(view, number, total),
            actions=reply.actions if number == total else (),
            asks=reply.asks if number == total else "",
        )
        for number, view in enumerate(views, 1)
    ]


def _numbered(view: tuple[Block, ...], number: int, total: int) -> tuple[Block, ...]:
    part = Text(f"Part {number} of {total}", style="note")
    return (*view, part) if number == 1 else (part, *view)


def _size(view: Sequence[Block], enough: int) -> int:
    """Return how many bytes the blocks take, or some number above ``enough``."""
    total = 0
    for block in view:
        if blocks.clearly_large(block, enough):
            return enough + 1
        total += size(blocks.render(block, blocks.ENDLESS) or "") + 1
        if total > enough:
            break
    return total


class _Pages:
    """Fills one page after the other."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._page: list[Block] = []
        self._left = room

    def of(self, view: Sequence[Block]) -> Iterator[tuple[Block, ...]]:
        for block in view:
            yield from self._add(block)
        if self._page:
            yield tuple(self._page)

    def _add(self, block: Block) -> Iterator[tuple[Block, ...]]:
        if self._fits(block):
            return
        parted = _PARTS.get(type(block))
        if parted is None:
            yield from self._turn()
            self._put(block, 0)  # the card cuts what fits nowhere
            return
        parts = parted(block)
        if self._left < _WORTH + parts.base:
            yield from self._turn()
        taken: list[Any] = []
        left = self._left - parts.base
        for piece, cost in parts.pieces:
            if cost > left and taken:
                self._put(parts.joined(taken), 0)
                yield from self._turn()
                taken, left = [], self._left - parts.base
            taken.append(piece)
            left -= cost
        if taken:
            self._put(parts.joined(taken), self._left - left)

    def _fits(self, block: Block) -> bool:
        cost = _size((block,), self._left)
        if cost > self._left:
            return False
        self._put(block, cost)
        return True

    def _put(self, block: Block, cost: int) -> None:
        self._page.append(block)
        self._left -= cost

    def _turn(self) -> Iterator[tuple[Block, ...]]:
        """Begin a new page."""
        if self._page:
            yield tuple(self._page)
        self._page, self._left = [], self._room


@dataclass(frozen=True, slots=True)
class _Parts:
    """A block taken apart: each piece with its bytes, what the rest takes, how they are joined."""

    pieces: Iterator[tuple[Any, int]]
    base: int
    joined: Callable[[list[Any]], Block]


def _rows(block: Table) -> _Parts:
    pieces = ((cells, size(table.row(block.stacks, cells)) + 1) for cells in block.rows)
    base = size(blocks.render(replace(block, rows=block.rows[:1]), blocks.ENDLESS) or "")
    return _Parts(pieces, base, lambda rows: replace(block, rows=tuple(rows)))


def _findings(block: Issues) -> _Parts:
    pieces = ((item, _size((Issues((item,)),), blocks.ENDLESS)) for item in block.items)
    return _Parts(pieces, 0, lambda items: Issues(tuple(items)))


def _pairs(block: Fields) -> _Parts:
    pieces = ((pair, _size((Fields((pair,)),), blocks.ENDLESS)) for pair in block.pairs)
    return _Parts(pieces, 0, lambda pairs: Fields(tuple(pairs)))


def _output(block: Code) -> _Parts:
    base = size(blocks.render(replace(block, text=""), blocks.ENDLESS) or "") + _SPLIT
    return _Parts(
        _lines(block.text, unfolded),
        base,
        lambda lines: replace(block, text="".join(lines).removesuffix("\n")),
    )


def _paragraphs(block: Text) -> _Parts:
    base = size(blocks.render(replace(block, text="."), blocks.ENDLESS) or "") + _SPLIT
    return _Parts(
        _lines(block.text, clean),
        base,
        lambda lines: replace(block, text="".join(lines).removesuffix("\n")),
    )


def _lines(text: str, shown: Callable[[str], str]) -> Iterator[tuple[str, int]]:
    for line in text.replace("\r\n", "\n").split("\n"):
        rest = line
        while (cost := _cost(rest[:_LONGEST], shown)) > _LONGEST or len(rest) > _LONGEST:
            piece = _beginning(rest, shown)
            yield piece, _cost(piece, shown)
            rest = rest[len(piece) :]
        yield f"{rest}\n", cost + 2


def _beginning(line: str, shown: Callable[[str], str]) -> str:
    """Return as much of a line as takes no more than it may."""
    piece = fit(line[:_LONGEST], _LONGEST)
    while len(piece) > 1 and _cost(piece, shown) > _LONGEST:
        piece = piece[: len(piece) // 2]
    return piece


def _cost(line: str, shown: Callable[[str], str]) -> int:
    text = shown(line)
    return size(quote(text)) + _SPLIT * text.count("{{")


_PARTS: dict[type, Callable[[Any], _Parts]] = {
    Table: _rows,
    Issues: _findings,
    Fields: _pairs,
    Code: _output,
    Text: _paragraphs,
}

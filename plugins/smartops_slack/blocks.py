"""The blocks of a view as blocks of Block Kit, and as files where they are long.

Each returned block fits into a message. What is too long to be read in a chat is
posted in part, and whole in a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from smartops import Cell, Code, Fields, Issue, Issues, Reply, Table, Text
from smartops.channels import Form, Stack, clean, grouped, json_size, one_line, plain, shortened

from .forms import inline
from .richtext import (
    ROOM,
    Block,
    Inlines,
    bulleted,
    chunks,
    emoji,
    note,
    paragraphs,
    plain_text,
    preformatted,
    rich,
    run,
)

LONG_TEXT = 24_000
"""Bytes of JSON above which a text is posted in part and attached as a file."""

LONG_OUTPUT = 200
"""Lines above which an output is."""

LONGEST_CELL = 120

NARROW = 40
"""Characters of the widest table in monospace: a phone or thread has little more room."""

_SEPARATOR = "\u00a0· "
_TITLE = 150
_LONGEST_HEADER = 4_000
_HEAD, _TAIL = 2_400, 1_200
_HEAD_LINES, _TAIL_LINES = 40, 20
"""Characters and lines that are posted of the beginning and the end of a file."""


@dataclass(frozen=True, slots=True)
class File:
    """A file to attach."""

    name: str
    title: str
    content: bytes


class Files:
    """Collects files under unique names."""

    def __init__(self) -> None:
        self.files: list[File] = []

    def add(self, title: str, text: str) -> str:
        """Attach a text, and return the name of the file."""
        stem = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40] or "output"
        taken = {file.name for file in self.files}
        name, number = f"{stem}.txt", 1
        while name in taken:
            number += 1
            name = f"{stem}-{number}.txt"
        self.files.append(File(name, shortened(title, 100), text.encode("utf-8", "replace")))
        return name


def render_block(block: Any, files: Files) -> list[Block]:
    """Return one block of a view as blocks of a message."""
    match block:
        case Text():
            return _text(block)
        case Fields():
            return _fields(block)
        case Table():
            return _table(block, files)
        case Code():
            return _code(block, files)
        case Issues():
            return [part for issue in block.items for part in paragraphs(_issue(issue))]
        case Form():
            return inline(block)
    raise TypeError(f"a {type(block).__name__} is no block of a view")


def _text(block: Text) -> list[Block]:
    text = clean(block.text).strip("\n")
    if not text.strip():
        return []
    if block.style == "title":
        return _title(block)
    if block.style == "note" and block.severity is None:
        return note(text)
    mark = emoji(block.severity) if block.severity else []
    style = {"italic": True} if block.style == "note" else {}
    first, *rest = chunks(text, ROOM)
    return [
        rich([*mark, *run(first, **style)]),
        *(rich(run(part, **style)) for part in rest if part),
    ]


def _title(block: Text) -> list[Block]:
    mark = f"{block.severity.mark} " if block.severity else ""
    line = mark + one_line(block.text)
    if len(line) <= _TITLE:
        return [{"type": "header", "text": plain_text(line)}]
    return paragraphs(run(line, bold=True))


def _fields(block: Fields) -> list[Block]:
    inlines: Inlines = []
    for name, value in block.pairs:
        inlines += run(f"{one_line(name) or '-'}: ", bold=True)
        inlines += run(f"{clean(value) or '-'}\n")
    return paragraphs(inlines)


def _table(block: Table, files: Files) -> list[Block]:
    if not block.columns:
        return []
    marked = _marked(block)
    short = _short(marked)
    text = plain(Reply(view=(short,)))
    header, _, body = text.partition("\n")
    if max(map(len, text.split("\n"))) <= NARROW:
        parts = [preformatted(part) for part in _rows(header, body)]
    else:
        parts = _entries(short)
    long = json_size(text) > LONG_TEXT
    if not long and short == marked and len(header) <= _LONGEST_HEADER:
        return parts
    name = files.add("Table", plain(Reply(view=(block,))))
    remark = note(f"All {len(block.rows):,} rows are in the file {name}.")
    return [*(parts[:1] if long else parts), *remark]


def _rows(header: str, body: str) -> Iterable[str]:
    """Cut the rows into parts, each below the names of the columns."""
    header = shortened(header, _LONGEST_HEADER) or " "
    if not body:
        return (header,)
    return (f"{header}\n{part}" for part in chunks(body, ROOM - json_size(header)))


def _entries(table: Table) -> list[Block]:
    """Return a list with a point for each row, which wraps on a narrow screen."""
    stacks = table.stacks
    named = [stack for stack in stacks if not (table.rows and stack.labels(table.rows[0]))]
    names = [name for stack in named for name in stack.names[:1]]
    names += [name for stack in named for name in stack.names[1:]]
    header = _SEPARATOR.join(filter(None, map(one_line, names)))
    blocks = note(shortened(header, _LONGEST_HEADER) or "-")
    points = [{"type": "rich_text_section", "elements": _entry(stacks, row)} for row in table.rows]
    lists = grouped(points, ROOM, lambda point: json_size(point) + 1)
    return [*blocks, *map(bulleted, lists)]


def _entry(stacks: Sequence[Stack], row: Sequence[str | Cell]) -> Inlines:
    lines = [stack.lines(tuple(row)) for stack in stacks]
    first, *others = [one_line(str(cell)) for leading, _ in lines for cell in leading]
    rest = [one_line(str(cell)) for _, cells in lines for cell in cells]
    inlines = run(first or "-", bold=True)
    if more := _SEPARATOR.join(filter(None, others)):
        inlines += run(_SEPARATOR + more)
    if more := _SEPARATOR.join(rest):
        inlines += run(f"\n{more}")
    return inlines


def _marked(table: Table) -> Table:
    """Return the table with severities as coloured marks before the text."""
    rows = tuple(
        tuple(
            f"{cell.severity.mark} {cell.text}" if isinstance(cell, Cell) else cell for cell in row
        )
        for row in table.rows
    )
    return replace(table, rows=rows)


def _short(marked: Table) -> Table:
    columns = tuple(shortened(name, LONGEST_CELL) for name in marked.columns)
    rows = tuple(tuple(shortened(str(cell), LONGEST_CELL) for cell in row) for row in marked.rows)
    together = tuple(
        tuple(shortened(name, LONGEST_CELL) for name in names) for names in marked.together
    )
    return Table(columns, rows, together)


def _code(block: Code, files: Files) -> list[Block]:
    title = paragraphs(run(one_line(block.title), bold=True))
    text = clean(block.text)
    if not text.strip():
        return [*title, *note("(nothing)")]
    lines = block.text.count("\n") + 1
    if json_size(text) <= LONG_TEXT and lines <= LONG_OUTPUT:
        return [*title, *(preformatted(part) for part in chunks(text, ROOM) if part)]
    name = files.add(one_line(block.title) or "Output", block.text)
    remark = f"{lines:,} lines: all of it is in the file {name}. Here are its beginning and end."
    return [*title, preformatted(_head(text)), *note(remark), preformatted(_tail(text))]


def _head(text: str) -> str:
    head = text[:_HEAD]
    head = head.rpartition("\n")[0].strip("\n") or head
    return "\n".join(head.split("\n")[:_HEAD_LINES]).rstrip() or " "


def _tail(text: str) -> str:
    tail = text[-_TAIL:]
    tail = tail.partition("\n")[2].strip("\n") or tail
    return "\n".join(tail.split("\n")[-_TAIL_LINES:]).rstrip() or " "


def _issue(issue: Issue) -> Inlines:
    heading = f"{issue.target}: {issue.title}" if issue.target else issue.title
    inlines = [
        *emoji(issue.severity),
        *run(f"{issue.severity.upper()}  {one_line(heading)}", bold=True),
    ]
    if issue.details:
        inlines += run(f"\n{clean(issue.details)}")
    if issue.recommendation:
        inlines += run(f"\n{clean(issue.recommendation)}", italic=True)
    return inlines

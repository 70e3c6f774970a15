"""Replies on a terminal: in its width, with colours, and by pages if they are long."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence

import click

from smartops.render import clean, plain, width
from smartops.reply import Block, Cell, Code, Fields, Issue, Issues, Reply, Severity, Table, Text

_COLOURS = {
    Severity.GOOD: "green",
    Severity.INFO: "cyan",
    Severity.WARNING: "yellow",
    Severity.CRITICAL: "red",
}
_GAP = "  "
_LEAST = 8
"""Characters of the narrowest column."""

_SCREENS = 3
"""Longer replies are shown by a pager."""

Line = tuple[str, Severity | None]
"""A line of a cell, and its severity."""


def coloured() -> bool:
    """Return True if standard output is a terminal, and NO_COLOR is not set."""
    monochrome = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not monochrome


def show(text: str) -> None:
    """Print a text; by a pager if it is much longer than the terminal."""
    if text.count("\n") < _SCREENS * shutil.get_terminal_size().lines:
        click.echo(text)
        return
    os.environ.setdefault("LESS", "-FRX")
    click.echo_via_pager(text + "\n")


def drawn(reply: Reply, columns: int) -> str:
    """Return the view in lines of at most ``columns`` characters; code is not wrapped."""
    return "\n\n".join(filter(None, (_block(block, columns) for block in reply.view)))


def _block(block: Block, columns: int) -> str:
    match block:
        case Text():
            lines = _wrapped(clean(block.text), columns)
            bold, dim = block.style == "title", block.style == "note" and block.severity is None
            return "\n".join(_style(line, block.severity, bold=bold, dim=dim) for line in lines)
        case Fields():
            return _fields(block, columns)
        case Table():
            return _table(block, columns)
        case Issues():
            return "\n".join(_issue(issue, columns) for issue in block.items)
        case Code():
            text = clean(block.text)
            return f"{_style(block.title, bold=True)}\n{text}" if block.title else text
    return plain(Reply(view=(block,)))


def _fields(block: Fields, columns: int) -> str:
    indent = min(max((width(name) for name, _ in block.pairs), default=0) + 3, columns // 2)
    lines = []
    for name, value in block.pairs:
        first, *rest = _wrapped(clean(value), columns - indent) or [""]
        lines.append(_style(f"{name}:".ljust(indent), bold=True) + first)
        lines += [" " * indent + line for line in rest]
    return "\n".join(lines)


def _issue(issue: Issue, columns: int) -> str:
    heading = _wrapped(f"{issue.severity.upper()}  {issue.target}: {issue.title}", columns)
    lines = [_style(line, issue.severity, bold=True) for line in heading]
    for text in filter(None, (issue.details, issue.recommendation)):
        lines += [f"  {line}" for line in _wrapped(clean(text), columns - 2)]
    return "\n".join(lines)


def _table(table: Table, columns: int) -> str:
    """Return the table; if it is too wide, with the columns that belong together as one."""
    rows = [[[_line(cell)] for cell in row] for row in table.rows]
    heads = [[(name.upper(), None)] for name in table.columns]
    if table.together and sum(_widths([heads, *rows])) + len(_GAP) * len(heads) > columns:
        stacks = table.stacks
        heads = [[(" ".join(filter(None, stack.names[:1])).upper(), None)] for stack in stacks]
        rows = [
            [[_line(cell) for lines in stack.lines(row) for cell in lines] for stack in stacks]
            for row in table.rows
        ]
    widths = _fitting(_widths([heads, *rows]), columns)
    shown = [_row(heads, widths, bold=True), *(_row(row, widths) for row in rows)]
    return "\n".join(shown)


def _line(cell: str | Cell) -> Line:
    text, severity = (cell.text, cell.severity) if isinstance(cell, Cell) else (cell, None)
    return " ".join(clean(text).split()), severity


def _widths(rows: Sequence[Sequence[Sequence[Line]]]) -> list[int]:
    return [
        max(width(text) for cell in column for text, _ in cell or [("", None)])
        for column in zip(*rows, strict=True)
    ]


def _fitting(widths: list[int], columns: int) -> list[int]:
    """Return the widths with the widest columns narrowed until all fit."""
    room = columns - len(_GAP) * (len(widths) - 1)
    while sum(widths) > room and max(widths) > _LEAST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _row(cells: Sequence[Sequence[Line]], widths: Sequence[int], *, bold: bool = False) -> str:
    drawn = [
        [(part, severity) for text, severity in cell for part in _wrapped(text, room) or [""]]
        for cell, room in zip(cells, widths, strict=True)
    ]
    lines = []
    for number in range(max(map(len, drawn), default=0)):
        parts = [cell[number] if number < len(cell) else ("", None) for cell in drawn]
        padded = zip(parts, widths, strict=True)
        line = _GAP.join(
            _style(text, severity, bold=bold) + " " * (room - width(text))
            for (text, severity), room in padded
        )
        lines.append(line.rstrip())
    return "\n".join(lines)


def _wrapped(text: str, columns: int) -> list[str]:
    """Return the lines of a text, wrapped at words."""
    lines: Iterable[list[str]] = (
        textwrap.wrap(line, max(columns, _LEAST), replace_whitespace=False) or [""]
        for line in text.split("\n")
    )
    return [part for line in lines for part in line]


def _style(
    text: str, severity: Severity | None = None, *, bold: bool = False, dim: bool = False
) -> str:
    if not text or not (severity or bold or dim) or not coloured():
        return text
    colour = _COLOURS[severity] if severity else None
    return click.style(text, fg=colour, bold=bold or None, dim=dim or None)

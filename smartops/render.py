"""Replies as plain text.

Names, tags and outputs are untrusted. Control characters in them are escaped, so
that they cannot move a terminal's cursor or change the direction of text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain
from unicodedata import combining, east_asian_width

from .reply import Block, Cell, Code, Fields, Form, Issue, Issues, Reply, Table, Text

# Control characters, soft hyphens, bidirectional marks, separators, tags, lone surrogates. The two
# joiners (200c, 200d) stay: scripts and emoji need them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e00ff]"
)


def plain(reply: Reply, *, actions: bool = False) -> str:
    """Return the view as plain text, tables aligned for a monospace font.

    ``actions`` appends each action as ``label: value``, for channels without
    buttons, where people type the value. The text of an error names its suggestions,
    and a form is cancelled by a word.
    """
    parts = [_block(block) for block in reply.view]
    named = reply.error is not None or any(isinstance(block, Form) for block in reply.view)
    if actions and reply.actions and not named:
        parts.append(_pairs((action.label, action.value) for action in reply.actions))
    return "\n\n".join(part for part in parts if part)


def clean(text: str) -> str:
    """Return the text with invisible characters escaped, except newlines and tabs."""
    if text.isprintable():  # fast path: all characters that are escaped are not printable
        return text
    return _UNSEEN.sub(_visible, text.replace("\r\n", "\n"))


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _line(text: str) -> str:
    """Return the text on one line."""
    return text if text.isprintable() else " ".join(clean(text).split())


def width(text: str) -> int:
    """Return the number of columns that the text takes in a monospace font."""
    if text.isascii():
        return len(text)
    return sum(
        0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1 for letter in text
    )


def _pad(text: str, columns: int) -> str:
    return text + " " * (columns - width(text))


def _columns(rows: Sequence[Sequence[str]]) -> str:
    simple = all(map(str.isascii, chain.from_iterable(rows)))
    measure, pad = (len, str.ljust) if simple else (width, _pad)
    widths = [max(map(measure, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(pad, row, widths)).rstrip() for row in rows)


def _cell(cell: str | Cell) -> str:
    return _line(cell.text if isinstance(cell, Cell) else cell)


def _pairs(pairs: Iterable[tuple[str, str]]) -> str:
    return _columns([(f"{_line(name)}:", _line(value)) for name, value in pairs])


def _block(block: Block) -> str:
    match block:
        case Text():
            return clean(block.text)
        case Fields():
            return _pairs(block.pairs)
        case Table():
            rows = [[_line(name).upper() for name in block.columns]]
            rows.extend([_cell(cell) for cell in row] for row in block.rows)
            return _columns(rows)
        case Code():
            text = clean(block.text)
            return f"{_line(block.title)}:\n{text}" if block.title else text
        case Issues():
            return "\n".join(map(_issue, block.items))
        case Form():
            return clean(_question(block))


def _issue(issue: Issue) -> str:
    line = f"{issue.severity.upper()}  {_line(issue.target)}: {_line(issue.title)}"
    if issue.details:
        line += f" ({_line(issue.details)})"
    if issue.recommendation:
        line += f"\n  {_line(issue.recommendation)}"
    return line


def _question(form: Form) -> str:
    """Return the question for the first field, which the person answers with a message."""
    first = form.fields[0] if form.fields else None
    if first is not None and first.choices:
        return f"{form.title} One of: {', '.join(first.choices)}"
    return f"{form.title} ({first.hint})" if first is not None and first.hint else form.title

"""The blocks of a view as elements of an Adaptive Card.

Each function writes JSON text and is told how many bytes it may take. What
does not fit is cut, and the card says so; None means that not even a part
fits. Writing text instead of building objects makes the size known at every
step, and costs a fraction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from smartops import Code, Fields, Issue, Issues, Severity, Table, Text
from smartops.channels import Form, clean

from . import table
from .forms import form_input
from .text import (
    BOLD,
    MONOSPACE,
    STYLES,
    SUBTLE,
    escaped,
    fit,
    fits,
    quote,
    rich,
    run,
    shortened,
    size,
    take,
    unfolded,
)

LONGEST_LINE = 400
LONGEST_TEXT = 1000
NOTE_ROOM = 160
"""Bytes that are kept for a remark of ours."""

ENDLESS = 1 << 40
"""More bytes than any block takes."""


def render(block: Any, room: int) -> str | None:
    """Return the elements of one block, at most ``room`` bytes; None if not even a part fits."""
    return _RENDER[type(block)](block, room)


def clearly_large(block: Any, room: int) -> bool:
    """Say whether it takes more than so many bytes, without writing it."""
    return isinstance(block, Text | Code) and len(block.text) > room


def note(text: str) -> str:
    """Return a quiet remark of the renderer's own."""
    return rich(run(text, SUBTLE))


def _text(block: Text, room: int) -> str | None:
    if not block.text.strip():
        return ""
    if block.style == "title":
        return _within(_boxed(_title(block), block.severity), room)
    style = SUBTLE if block.style == "note" else ""
    text = clean(block.text)
    element = _boxed(rich(run(text, style)), block.severity)
    if fits(element, room):
        return element
    remark = note("The text above is cut: too long for a card.")
    spare = room - size(remark) - NOTE_ROOM
    if spare <= 0:
        return None
    return _within(_boxed(f"{rich(run(fit(text, spare), style))},{remark}", block.severity), room)


def _boxed(elements: str, severity: Severity | None) -> str:
    """Return elements in the container of a severity.

    Text keeps the default colour: Teams' own for warning and good are too faint
    to be read on any of its backgrounds.
    """
    if severity is None:
        return elements
    return f'{{"type":"Container","style":"{STYLES[severity]}","items":[{elements}]}}'


def _title(block: Text) -> str:
    text = quote(escaped(shortened(block.text, LONGEST_LINE)))
    return (
        f'{{"type":"TextBlock","text":{text},"size":"Medium","weight":"Bolder",'
        f'"wrap":true,"style":"heading"}}'
    )


def _within(element: str, room: int) -> str | None:
    return element if fits(element, room) else None


def _fields(block: Fields, room: int) -> str | None:
    facts = [
        f'{{"title":{quote(_fact(name))},"value":{quote(_fact(value))}}}'
        for name, value in block.pairs
    ]
    frame = ('{"type":"FactSet","facts":[', "]}")
    return _as_many("fields", facts, room, frame) if facts else ""


def _fact(text: str) -> str:
    return escaped(shortened(text, LONGEST_TEXT)) or r"\-"


def _table(block: Table, room: int) -> str | None:
    if not block.columns:
        return ""
    opening = f"{table.shown(block)}{',' if block.rows else ''}"
    rows = [table.row(block.stacks, cells) for cells in block.rows]
    return _as_many("rows", rows, room, (opening, "]}"))


def _code(block: Code, room: int) -> str | None:
    title = (
        f"{rich(run(clean(shortened(block.title, LONGEST_LINE)), BOLD))}," if block.title else ""
    )
    opening = f'{{"type":"Container","style":"emphasis","items":[{title}'
    text = unfolded(block.text) or " "
    whole = f"{opening}{rich(run(text, MONOSPACE))}]}}"
    if fits(whole, room):
        return whole
    spare = room - size(opening) - 2 * NOTE_ROOM - NOTE_ROOM
    return f"{opening}{_both_ends(text, spare)}]}}" if spare >= 2 * NOTE_ROOM else None


def _both_ends(text: str, room: int) -> str:
    """Return the beginning and the end of a text: errors come last."""
    head = _whole_lines(fit(text, room * 2 // 3))
    tail = _whole_lines(fit(text, room // 3, end=True), end=True)
    missing = len(text) - len(head) - len(tail)
    remark = note(f"{missing:,} characters are left out here: too long for a card.")
    return f"{rich(run(head, MONOSPACE))},{remark},{rich(run(tail, MONOSPACE))}"


def _whole_lines(text: str, *, end: bool = False) -> str:
    """Return the text without the line that was cut through, unless that is all there is."""
    if end:
        return text.partition("\n")[2] or text
    return text.rpartition("\n")[0] or text


def _issues(block: Issues, room: int) -> str | None:
    findings = [_issue(issue) for issue in block.items]
    return _as_many("findings", findings, room, ("", "")) if findings else ""


def _issue(issue: Issue) -> str:
    heading = f"{issue.target}: {issue.title}" if issue.target else issue.title
    word = f"{issue.severity.upper()}  "
    lines = [rich(run(word + clean(shortened(heading, LONGEST_LINE)), BOLD))]
    if issue.details:
        lines.append(rich(run(clean(shortened(issue.details, LONGEST_TEXT)))))
    if issue.recommendation:
        lines.append(rich(run(clean(shortened(issue.recommendation, LONGEST_TEXT)), SUBTLE)))
    return _boxed(",".join(lines), issue.severity)


def _form(block: Form, room: int) -> str | None:
    """Return the question and its inputs, or the question alone: an answer may be typed too."""
    question = _text(Text(block.title), room)
    whole = ",".join(filter(None, (question, *map(form_input, block.fields))))
    return whole if fits(whole, room) else question


def _as_many(what: str, pieces: Sequence[str], room: int, frame: tuple[str, str]) -> str | None:
    """Return as many pieces as fit into the frame, and a remark about those that do not."""
    opening, closing = frame
    whole = f"{opening}{','.join(pieces)}{closing}"
    if fits(whole, room):
        return whole
    taken = take(pieces, room - size(opening) - size(closing) - NOTE_ROOM)
    if not taken:
        return None
    remark = note(f"The first {len(taken):,} of {len(pieces):,} {what}: more do not fit in a card.")
    return f"{opening}{','.join(taken)}{closing},{remark}"


_RENDER: dict[type, Callable[[Any, int], str | None]] = {
    Text: _text,
    Fields: _fields,
    Table: _table,
    Code: _code,
    Issues: _issues,
    Form: _form,
}

"""The blocks of a view as elements of an Adaptive Card."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from smartops import Code, Fields, Issue, Issues, Severity, Table, Text
from smartops.channels import Form, clean, shortened

from .forms import form_input
from .table import table
from .text import (
    BOLD,
    MONOSPACE,
    PLAIN,
    STYLES,
    SUBTLE,
    Element,
    cut,
    escaped,
    rich,
    run,
    with_columns,
)

_LONGEST_LINE = 400
_LONGEST_TEXT = 1000


def render(block: Any) -> list[Element]:
    """Return the elements for one block."""
    return _RENDER[type(block)](block)


def _text(block: Text) -> list[Element]:
    if not block.text.strip():
        return []
    if block.style == "title":
        return _boxed([_title(block.text)], block.severity)
    style = SUBTLE if block.style == "note" else PLAIN
    return _boxed([rich(run(clean(block.text), style))], block.severity)


def _boxed(elements: list[Element], severity: Severity | None) -> list[Element]:
    """Return elements in the container of a severity.

    Text has the default colour, because Teams' colours for warning and good have too
    little contrast on its backgrounds.
    """
    if severity is None:
        return elements
    return [{"type": "Container", "style": STYLES[severity], "items": elements}]


def _title(text: str) -> Element:
    return {
        "type": "TextBlock",
        "text": escaped(shortened(text, _LONGEST_LINE)),
        "size": "Medium",
        "weight": "Bolder",
        "wrap": True,
        "style": "heading",
    }


def _fields(block: Fields) -> list[Element]:
    facts = [{"title": _fact(name), "value": _fact(value)} for name, value in block.pairs]
    return [{"type": "FactSet", "facts": facts}] if facts else []


def _fact(text: str) -> str:
    return escaped(shortened(text, _LONGEST_TEXT)) or r"\-"


def _code(block: Code) -> list[Element]:
    items = [rich(run(with_columns(block.text) or " ", MONOSPACE))]
    if block.title:
        items.insert(0, rich(run(cut(block.title, _LONGEST_LINE), BOLD)))
    return [{"type": "Container", "style": "emphasis", "items": items}]


def _issues(block: Issues) -> list[Element]:
    return [element for issue in block.items for element in _issue(issue)]


def _issue(issue: Issue) -> list[Element]:
    heading = f"{issue.target}: {issue.title}" if issue.target else issue.title
    lines = [rich(run(f"{issue.severity.upper()}  {cut(heading, _LONGEST_LINE)}", BOLD))]
    for text, style in ((issue.details, PLAIN), (issue.recommendation, SUBTLE)):
        if text:
            lines.append(rich(run(cut(text, _LONGEST_TEXT), style)))
    return _boxed(lines, issue.severity)


_RENDER: dict[type, Callable[[Any], list[Element]]] = {
    Text: _text,
    Fields: _fields,
    Table: lambda block: [table(block)] if block.columns else [],
    Code: _code,
    Issues: _issues,
    Form: lambda block: [*_text(Text(block.title)), *map(form_input, block.fields)],
}

"""The blocks of a view as elements of an Adaptive Card."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from smartops import Code, Fields, Issue, Issues, Severity, Table, Text
from smartops.channels import Form, clean, shortened

from . import table
from .forms import form_input
from .text import BOLD, MONOSPACE, PLAIN, STYLES, SUBTLE, Element, escaped, rich, run, unfolded

LONGEST_LINE = 400
LONGEST_TEXT = 1000


def render(block: Any) -> list[Element]:
    """Return the elements that show one block."""
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

    Text keeps the default colour: Teams' own for warning and good are too faint
    to be read on any of its backgrounds.
    """
    if severity is None:
        return elements
    return [{"type": "Container", "style": STYLES[severity], "items": elements}]


def _title(text: str) -> Element:
    return {
        "type": "TextBlock",
        "text": escaped(shortened(text, LONGEST_LINE)),
        "size": "Medium",
        "weight": "Bolder",
        "wrap": True,
        "style": "heading",
    }


def _fields(block: Fields) -> list[Element]:
    facts = [{"title": _fact(name), "value": _fact(value)} for name, value in block.pairs]
    return [{"type": "FactSet", "facts": facts}] if facts else []


def _fact(text: str) -> str:
    return escaped(shortened(text, LONGEST_TEXT)) or r"\-"


def _table(block: Table) -> list[Element]:
    return [table.element(block)] if block.columns else []


def _code(block: Code) -> list[Element]:
    items = [rich(run(unfolded(block.text) or " ", MONOSPACE))]
    if block.title:
        items.insert(0, rich(run(clean(shortened(block.title, LONGEST_LINE)), BOLD)))
    return [{"type": "Container", "style": "emphasis", "items": items}]


def _issues(block: Issues) -> list[Element]:
    return [element for issue in block.items for element in _issue(issue)]


def _issue(issue: Issue) -> list[Element]:
    heading = f"{issue.target}: {issue.title}" if issue.target else issue.title
    title = f"{issue.severity.upper()}  {clean(shortened(heading, LONGEST_LINE))}"
    lines = [rich(run(title, BOLD))]
    if issue.details:
        lines.append(rich(run(clean(shortened(issue.details, LONGEST_TEXT)))))
    if issue.recommendation:
        lines.append(rich(run(clean(shortened(issue.recommendation, LONGEST_TEXT)), SUBTLE)))
    return _boxed(lines, issue.severity)


def _form(block: Form) -> list[Element]:
    return [*_text(Text(block.title)), *map(form_input, block.fields)]


_RENDER: dict[type, Callable[[Any], list[Element]]] = {
    Text: _text,
    Fields: _fields,
    Table: _table,
    Code: _code,
    Issues: _issues,
    Form: _form,
}

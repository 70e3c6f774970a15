"""Cards as HTML, plainly: enough for a person to read them and press their buttons."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from .world import Shown

Element = Mapping[str, Any]
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def shown_as_html(shown: Shown, user: str) -> str:
    """Return a message as a person sees it."""
    card = shown.seen_by(user)
    author = "SmartOps" if shown.author == "bot" else shown.author.title()
    marks = "Only you see this" if user in shown.views else "Changed" if shown.edits else ""
    inside = card_as_html(shown, card) if card else f'<p class="said">{_said(shown)}</p>'
    who = "bot" if shown.author == "bot" else "person"
    return (
        f'<article class="{who}" data-message="{escape(shown.id)}" data-initial="{author[:1]}">'
        f"<header><b>{escape(author)}</b>{marks}</header>{inside}</article>"
    )


def card_as_html(shown: Shown, card: Element) -> str:
    """Return a card as a form whose buttons say which was pressed."""
    body = "".join(map(_element, card.get("body", ())))
    buttons = "".join(map(_button, card.get("actions", ())))
    return (
        f'<form class="card" data-click="{escape(shown.id)}">{body}'
        f'<footer class="buttons">{buttons}</footer></form>'
    )


def _button(action: Element) -> str:
    title = escape(action.get("title", ""))
    style = escape(action.get("style", "default"))
    return f'<button name="what" value="{title}" class="{style}">{title}</button>'


def _said(shown: Shown) -> str:
    text = escape(str(shown.activity.get("text") or ""))
    return text.replace("&lt;at&gt;", '<b class="at">@').replace("&lt;/at&gt;", "</b>")


def _element(element: Element) -> str:
    draw = _DRAW.get(str(element.get("type")))
    if draw is None:
        return f"<p class=unknown>{escape(str(element.get('type')))} is not drawn here</p>"
    return draw(element)


def _styled(thing: Element) -> str:
    names = [f"c-{thing['color']}"] if "color" in thing else []
    names += ["bold"] if thing.get("weight") == "Bolder" else []
    names += ["subtle"] if thing.get("isSubtle") else []
    names += ["mono"] if thing.get("fontType") == "Monospace" else []
    return escape(" ".join(names).lower())


def _text(element: Element) -> str:
    tag = "h3" if element.get("style") == "heading" else "p"
    return f'<{tag} class="{_styled(element)}">{escape(_unescaped(element["text"]))}</{tag}>'


def _unescaped(text: str) -> str:
    """Return Markdown that escapes everything as the text it stands for."""
    return _ESCAPED.sub(r"\1", text)


def _rich(element: Element) -> str:
    return f"<p>{''.join(map(_inline, element.get('inlines', ())))}</p>"


def _inline(inline: str | Element) -> str:
    if isinstance(inline, str):
        return escape(inline)
    return f'<span class="{_styled(inline)}">{escape(inline["text"])}</span>'


def _container(element: Element) -> str:
    style = escape(str(element.get("style", "default")))
    return f'<div class="box s-{style}">{"".join(map(_element, element.get("items", ())))}</div>'


def _facts(element: Element) -> str:
    rows = "".join(
        f"<dt>{escape(_unescaped(fact['title']))}</dt><dd>{escape(_unescaped(fact['value']))}</dd>"
        for fact in element["facts"]
    )
    return f"<dl>{rows}</dl>"


def _table(element: Element) -> str:
    shares = [float(column.get("width", 1)) for column in element.get("columns", ())]
    columns = "".join(f'<col style="width:{100 * share / sum(shares):.2f}%">' for share in shares)
    rows = "".join(map(_row, element.get("rows", ())))
    return f"<table><colgroup>{columns}</colgroup>{rows}</table>"


def _row(row: Element) -> str:
    cells = (f"<td>{''.join(map(_element, cell.get('items', ())))}</td>" for cell in row["cells"])
    return f"<tr>{''.join(cells)}</tr>"


def _input(element: Element) -> str:
    name = escape(element["id"])
    label = escape(element.get("label") or element.get("title") or "")
    value = escape(str(element.get("value", "")))
    needed = " required" if element.get("isRequired") else ""
    if element["type"] == "Input.ChoiceSet":
        choices = "".join(
            f'<option value="{escape(choice["value"])}">{escape(choice["title"])}</option>'
            for choice in element["choices"]
        )
        field = f'<select name="{name}"{needed}><option value=""></option>{choices}</select>'
    elif element["type"] == "Input.Toggle":
        ticked = " checked" if value == "true" else ""
        field = f'<input type="checkbox" name="{name}" value="true"{ticked}>'
    else:
        kind = "number" if element["type"] == "Input.Number" else "text"
        hint = escape(element.get("placeholder", ""))
        field = f'<input type="{kind}" name="{name}" value="{value}" placeholder="{hint}"{needed}>'
    mark = ' class="needed"' if needed else ""
    return f'<label class="field"><span{mark}>{label}</span> {field}</label>'


_DRAW: dict[str, Callable[[Element], str]] = {
    "TextBlock": _text,
    "RichTextBlock": _rich,
    "Container": _container,
    "FactSet": _facts,
    "Table": _table,
    "Input.Text": _input,
    "Input.Number": _input,
    "Input.ChoiceSet": _input,
    "Input.Toggle": _input,
}

"""Messages and cards of Teams as HTML, for the page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from smartops_simulators.page import PageView
from smartops_simulators.platform import BOT

from .world import Conversation, Shown

if TYPE_CHECKING:
    from .service import TeamsSimulator

Element = Mapping[str, Any]
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class TeamsView(PageView):
    """Teams on the page: a chat, a channel and a group."""

    title = "Teams"

    def __init__(self, teams: TeamsSimulator) -> None:
        self.platform = self._teams = teams

    def places(self, user: str) -> Mapping[str, str]:
        """Return the conversations of a person."""
        return {
            f"with {user}": "a chat with SmartOps",
            "ops": "the channel ops",
            "group crew": "the group crew",
        }

    def count(self, place: str, user: str) -> int:
        """Return how many messages of SmartOps are there."""
        return len(self._chat(place).answers)

    def rendered(self, place: str, user: str) -> str:
        """Return the messages, those of a thread together."""
        chat = self._chat(place)
        threads: dict[str, list[str]] = {}
        for shown in chat.activities:
            if not shown.deleted:
                thread = shown.thread if chat.kind == "channel" else ""
                threads.setdefault(thread, []).append(shown_as_html(shown, user))
        kind = ' class="post"' if chat.kind == "channel" else ""
        reply = '<button class="reply">Reply</button>' if kind else ""
        return "".join(
            f'<section{kind} data-thread="{escape(thread)}">{"".join(items)}{reply}</section>'
            for thread, items in threads.items()
        )

    async def say(self, place: str, user: str, text: str, thread: str) -> str:
        """Say it; a message that is not taken is sent again."""
        begun = self._chat(place).find(thread)
        self._teams.later(self._teams.says(text, user=user, conversation=place, thread=begun))
        return ""

    async def press(self, place: str, user: str, fields: dict[str, str]) -> str:
        """Press a button, and return the words that are shown beside the card."""
        shown = self._chat(place).find(fields.pop("message", ""))
        if shown is None:
            raise LookupError("The message is not there any more.")
        what = fields.pop("what", "")
        answer = await self._teams.clicks(shown, what, user=user, inputs=fields)
        return answer.words if answer.status == 200 else f"SmartOps answered {answer.status}."

    def _chat(self, place: str) -> Conversation:
        return self._teams.conversation(place)


def shown_as_html(shown: Shown, user: str) -> str:
    """Return a message as a person sees it."""
    card = shown.seen_by(user)
    author = "SmartOps" if shown.author == BOT else shown.author.title()
    marks = "Only you see this" if user in shown.views else "Changed" if shown.edits else ""
    inside = card_as_html(shown, card) if card else f'<p class="said">{_said(shown)}</p>'
    who = "bot" if shown.author == BOT else "person"
    return (
        f'<article class="{who}" data-initial="{author[:1]}">'
        f"<header><b>{escape(author)}</b>{marks}</header>{inside}</article>"
    )


def card_as_html(shown: Shown, card: Element) -> str:
    """Return a card as a form whose buttons say which was pressed."""
    body = _elements(card.get("body", ()))
    buttons = "".join(map(_button, card.get("actions", ())))
    return (
        f'<form class="card" data-message="{escape(shown.id)}">{body}'
        f"<footer>{buttons}</footer></form>"
    )


def _button(action: Element) -> str:
    title = escape(action.get("title", ""))
    style = escape(action.get("style", "default"))
    return f'<button name="what" value="{title}" class="{style}">{title}</button>'


def _said(shown: Shown) -> str:
    text = escape(str(shown.activity.get("text") or ""))
    return text.replace("&lt;at&gt;", '<b class="at">@').replace("&lt;/at&gt;", "</b>")


def _elements(elements: Iterable[Element]) -> str:
    return "".join(map(_element, elements))


def _element(element: Element) -> str:  # noqa: PLR0911 - one for each type
    match str(element.get("type")):
        case "TextBlock":
            tag = "h3" if element.get("style") == "heading" else "p"
            text = escape(_unescaped(element["text"]))
            return f'<{tag} class="{_styled(element)}">{text}</{tag}>'
        case "RichTextBlock":
            return f"<p>{''.join(map(_inline, element.get('inlines', ())))}</p>"
        case "Container":
            style = escape(str(element.get("style", "default")))
            return f'<div class="box s-{style}">{_elements(element.get("items", ()))}</div>'
        case "FactSet":
            return f"<dl>{''.join(map(_fact, element['facts']))}</dl>"
        case "Table":
            return _table(element)
        case "Input.Text" | "Input.Number" | "Input.ChoiceSet" | "Input.Toggle":
            return _input(element)
    return f"<p class=unknown>{escape(str(element.get('type')))} is not drawn here</p>"


def _fact(fact: Element) -> str:
    title, value = escape(_unescaped(fact["title"])), escape(_unescaped(fact["value"]))
    return f"<dt>{title}</dt><dd>{value}</dd>"


def _table(element: Element) -> str:
    shares = [float(column.get("width", 1)) for column in element.get("columns", ())]
    columns = "".join(f'<col style="width:{100 * share / sum(shares):.2f}%">' for share in shares)
    rows = "".join(f"<tr>{''.join(map(_cell, row['cells']))}</tr>" for row in element["rows"])
    return f"<table><colgroup>{columns}</colgroup>{rows}</table>"


def _cell(cell: Element) -> str:
    return f"<td>{_elements(cell.get('items', ()))}</td>"


def _styled(thing: Element) -> str:
    names = [f"c-{thing['color']}"] if "color" in thing else []
    names += ["bold"] if thing.get("weight") == "Bolder" else []
    names += ["subtle"] if thing.get("isSubtle") else []
    names += ["mono"] if thing.get("fontType") == "Monospace" else []
    return escape(" ".join(names).lower())


def _unescaped(text: str) -> str:
    """Return Markdown that escapes everything as the text it stands for."""
    return _ESCAPED.sub(r"\1", text)


def _inline(inline: str | Element) -> str:
    if isinstance(inline, str):
        return escape(inline)
    return f'<span class="{_styled(inline)}">{escape(inline["text"])}</span>'


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

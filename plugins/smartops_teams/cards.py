"""A reply as an Adaptive Card 1.5."""

from __future__ import annotations

from smartops import Action, Reply, Text
from smartops.channels import Form, clean, json_size, one_line, shortened

from .blocks import render
from .forms import form_button
from .text import Element, note

LIMIT = 28_000
"""Bytes of a card. Teams is said to refuse more than 28 KB."""

ACTIONS_LIMIT = 8_000
_BUTTONS = 5
_LONGEST_LABEL = 60
_LONGEST_SUMMARY = 200


def card(reply: Reply) -> Element:
    """Return the card that shows a reply and offers its actions; it can be too large for Teams."""
    body = [element for block in reply.view for element in render(block)]
    buttons = [form_button(block) for block in reply.view if isinstance(block, Form)]
    places = enumerate(reply.actions, len(buttons))
    buttons += [_button(action, in_menu=place >= _BUTTONS) for place, action in places]
    shown = _fitting(buttons)
    if missing := len(buttons) - len(shown):
        body.append(note(f"{missing} more buttons do not fit in a card."))
    return {
        "type": "AdaptiveCard",
        "version": "1.5",
        "msteams": {"width": "Full"},
        "fallbackText": summary(reply),
        "body": body or [note(summary(reply))],
        **({"actions": shown} if shown else {}),
    }


def fits(made: Element) -> bool:
    """Return whether Teams takes a card."""
    return json_size(made) <= LIMIT


def summary(reply: Reply) -> str:
    """Return one line that says what the reply is about, for notifications and old clients."""
    for block in reply.view:
        if isinstance(block, Text) and block.text.strip():
            return one_line(block.text[: 4 * _LONGEST_SUMMARY], _LONGEST_SUMMARY)
        if isinstance(block, Form):
            return one_line(block.title, _LONGEST_SUMMARY)
    return "SmartOps answered."


def _fitting(buttons: list[Element]) -> list[Element]:
    left = ACTIONS_LIMIT
    for place, button in enumerate(buttons):
        left -= json_size(button) + 1
        if left < 0:
            return buttons[:place]
    return buttons


def _button(action: Action, *, in_menu: bool) -> Element:
    """Return a button: Action.Execute, and for clients without it Action.Submit.

    What comes back is in ``data`` and was in the client's hands: a token that
    means nothing without the store, or text that passes the gate as if typed.
    """
    key = "command" if action.type == "command" else "action"
    shared: Element = {
        "title": clean(shortened(action.label, _LONGEST_LABEL)),
        "data": {key: action.value},
    }
    if action.type == "confirm":
        shared["style"] = "positive"
    mode = {"mode": "secondary"} if in_menu else {}
    fallback = {"type": "Action.Submit", **shared}
    return {"type": "Action.Execute", "verb": action.type, **shared, **mode, "fallback": fallback}

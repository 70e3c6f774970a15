"""A reply as an Adaptive Card 1.5."""

from __future__ import annotations

from smartops import Action, Reply, Text
from smartops.channels import Form, json_size, one_line

from .blocks import render
from .forms import form_button
from .text import SUBTLE, Element, cut, rich, run

LIMIT = 28_000
"""Bytes of a card. Teams refuses cards of more than about 28 KB."""

_ACTIONS_LIMIT = 8_000
_BUTTONS_BEFORE_MENU = 5
_LONGEST_LABEL = 60
_LONGEST_SUMMARY = 200


def card(reply: Reply) -> Element:
    """Return the card for a reply and its actions; it can be too large for Teams."""
    body = [element for block in reply.view for element in render(block)]
    buttons = [form_button(block) for block in reply.view if isinstance(block, Form)]
    buttons += [
        _button(action, in_menu=place >= _BUTTONS_BEFORE_MENU)
        for place, action in enumerate(reply.actions, len(buttons))
    ]
    fitting = _fitting(buttons)
    if missing := len(buttons) - len(fitting):
        body.append(_note(f"{missing} more buttons do not fit in a card."))
    return {
        "type": "AdaptiveCard",
        "version": "1.5",
        "msteams": {"width": "Full"},
        "fallbackText": summary(reply),
        "body": body or [_note(summary(reply))],
        **({"actions": fitting} if fitting else {}),
    }


def summary(reply: Reply) -> str:
    """Return one line about the reply, for notifications and old clients."""
    for block in reply.view:
        if isinstance(block, Text) and block.text.strip():
            return one_line(block.text[: 4 * _LONGEST_SUMMARY], _LONGEST_SUMMARY)
        if isinstance(block, Form):
            return one_line(block.title, _LONGEST_SUMMARY)
    return "SmartOps answered."


def _note(text: str) -> Element:
    return rich(run(text, SUBTLE))


def _fitting(buttons: list[Element]) -> list[Element]:
    left = _ACTIONS_LIMIT
    for place, button in enumerate(buttons):
        left -= json_size(button) + 1
        if left < 0:
            return buttons[:place]
    return buttons


def _button(action: Action, *, in_menu: bool) -> Element:
    """Return a button: Action.Execute, and Action.Submit for clients without it.

    A client can change ``data``. It is a token that only the store can resolve, or
    text that passes the gate like typed text.
    """
    shared: Element = {
        "title": cut(action.label, _LONGEST_LABEL),
        "data": {"command" if action.type == "command" else "action": action.value},
    }
    if action.danger:
        shared["style"] = "destructive"
    elif action.type == "confirm":
        shared["style"] = "positive"
    if action.type == "cancel":
        shared["associatedInputs"] = "none"  # a form is cancelled although it is not filled in
    mode = {"mode": "secondary"} if in_menu else {}
    fallback = {"type": "Action.Submit", **shared}
    return {"type": "Action.Execute", "verb": action.type, **shared, **mode, "fallback": fallback}

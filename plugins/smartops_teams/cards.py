"""A reply as an Adaptive Card 1.5, small enough for Teams whatever it holds."""

from __future__ import annotations

from smartops import Action, Reply, Text
from smartops.channels import Form, clean

from . import blocks
from .forms import form_button
from .text import encoded, quote, shortened, size, take

LIMIT = 28_000
"""Bytes of a card. Teams is said to refuse more than 28 KB."""

ACTIONS_LIMIT = 8_000
_BUTTONS = 5
_LONGEST_LABEL = 60
_LONGEST_SUMMARY = 200
_REST = blocks.note("The rest of the answer does not fit in a card.")
_STYLES = {"confirm": ',"style":"positive"'}


def card(reply: Reply) -> str:
    """Return the JSON text of the card that shows a reply and offers its actions.

    What does not fit is cut, and the card says so; pages of a reply always fit.
    """
    opening, closing, missing = _frame(reply)
    body = _body(reply, LIMIT - size(opening) - size(closing), missing)
    return f"{opening}{body}{closing}"


def whole_card(reply: Reply) -> bytes | None:
    """Return the card if all of the reply fits into it; most do, and are written only once."""
    opening, closing, missing = _frame(reply)
    left = _room(opening, closing)
    if missing or any(blocks.clearly_large(block, left) for block in reply.view):
        return None
    parts = [blocks.render(block, blocks.ENDLESS) for block in reply.view]
    body = encoded(",".join(filter(None, parts)) or blocks.note(summary(reply)))
    return encoded(opening) + body + encoded(closing) if len(body) <= left else None


def room(reply: Reply) -> int:
    """Return how many bytes the view may take in a card with this reply's buttons."""
    opening, closing, _ = _frame(reply)
    return _room(opening, closing)


def _room(opening: str, closing: str) -> int:
    return LIMIT - size(opening) - size(closing) - size(_REST) - 2 * blocks.NOTE_ROOM


def _frame(reply: Reply) -> tuple[str, str, int]:
    """Return what stands around the view, and how many buttons had to be left out."""
    forms = [form_button(block) for block in reply.view if isinstance(block, Form)]
    places = enumerate(reply.actions, len(forms))
    buttons = forms + [_action(action, place >= _BUTTONS) for place, action in places]
    shown = take(buttons, ACTIONS_LIMIT)
    opening = (
        '{"type":"AdaptiveCard","version":"1.5","msteams":{"width":"Full"},'
        f'"fallbackText":{quote(summary(reply))},"body":['
    )
    closing = f'],"actions":[{",".join(shown)}]}}' if shown else "]}"
    return opening, closing, len(buttons) - len(shown)


def summary(reply: Reply) -> str:
    """Return one line that says what the reply is about, for notifications and old clients."""
    for block in reply.view:
        if isinstance(block, Text) and block.text.strip():
            line = " ".join(clean(block.text[: 4 * _LONGEST_SUMMARY]).split())
            return shortened(line, _LONGEST_SUMMARY)
        if isinstance(block, Form):
            return shortened(" ".join(clean(block.title).split()), _LONGEST_SUMMARY)
    return "SmartOps answered."


def _body(reply: Reply, room: int, missing: int) -> str:
    """Return the elements of the view; ``missing`` is how many buttons had to be left out."""
    room -= size(_REST) + blocks.NOTE_ROOM
    parts: list[str] = []
    for block in reply.view:
        part = blocks.render(block, room)
        if part is None:
            parts.append(_REST)
            break
        if part:
            parts.append(part)
            room -= size(part) + 1
    if missing:
        parts.append(blocks.note(f"{missing} more buttons do not fit in a card."))
    return ",".join(parts) or blocks.note(summary(reply))


def _action(action: Action, in_menu: bool) -> str:
    """Return a button: Action.Execute, and for clients without it Action.Submit.

    What comes back is in ``data`` and was in the client's hands: a token that
    means nothing without the store, or text that passes the gate as if typed.
    """
    key = "command" if action.type == "command" else "action"
    shared = (
        f'"title":{quote(clean(shortened(action.label, _LONGEST_LABEL)))},'
        f'"data":{{"{key}":{quote(action.value)}}}{_STYLES.get(action.type, "")}'
    )
    mode = ',"mode":"secondary"' if in_menu else ""
    return (
        f'{{"type":"Action.Execute","verb":"{action.type}",{shared}{mode},'
        f'"fallback":{{"type":"Action.Submit",{shared}}}}}'
    )

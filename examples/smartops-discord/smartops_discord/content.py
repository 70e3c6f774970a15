"""A reply as messages of Discord: text in a code block, and buttons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from smartops import Action, Reply
from smartops.channels import grouped, lines_of, plain, shortened

ROOM = 1900
"""Characters of a message; Discord takes 2,000 with the fences."""

EPHEMERAL = 64
_LONGEST_ID = 100
_STYLES = {"confirm": 3, "cancel": 2, "command": 1}


def messages(reply: Reply) -> Sequence[dict[str, Any]]:
    """Return the messages of a reply; the last one has the buttons."""
    text = plain(reply)
    buttons = [action for action in reply.actions if len(_custom_id(action)) <= _LONGEST_ID][:25]
    typed = [action for action in reply.actions if action not in buttons]
    text = "\n\n".join((text, *(f"{action.label}: {action.value}" for action in typed)))
    text = text.replace("``", "`\u200b`")  # a fence in the text would end the code block
    parts = ["".join(group) for group in grouped(lines_of(text, ROOM, _size), ROOM, _size)]
    made = [_message(part) for part in parts or [""]]
    made[-1]["components"] = [
        {"type": 1, "components": [_button(action) for action in buttons[start : start + 5]]}
        for start in range(0, len(buttons), 5)
    ]
    return made


def _message(text: str) -> dict[str, Any]:
    content = f"```\n{text}\n```"
    return {"content": content, "components": [], "allowed_mentions": {"parse": []}}


def _button(action: Action) -> dict[str, Any]:
    label, style = shortened(action.label, 80), _STYLES[action.type]
    return {"type": 2, "style": style, "label": label, "custom_id": _custom_id(action)}


def _custom_id(action: Action) -> str:
    return f"{action.type}:{action.value}"


def _size(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2

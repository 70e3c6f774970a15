"""The body of a posted message; undocumented members are ignored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smartops import ValidationFailed

MAX_ID = 256
MAX_TEXT = 32_768


@dataclass(frozen=True, slots=True)
class Body:
    """A validated body. Exactly one of ``text`` and ``action`` is set; others may be empty."""

    id: str
    text: str
    action: str
    sender: str
    sender_name: str
    conversation: str


def read_body(document: Mapping[str, Any]) -> Body:
    """Validate a body; raises ValidationFailed, whose details name the invalid member."""
    kind = document.get("type", "message")
    if kind != "message":
        raise _wrong("type must be message")
    sender = _object(document, "from")
    body = Body(
        id=_word(document, "id"),
        text=_text(document),
        action=_word(_object(document, "value"), "action", "value."),
        sender=_word(sender, "id", "from."),
        sender_name=_word(sender, "name", "from."),
        conversation=_word(_object(document, "conversation"), "id", "conversation."),
    )
    if bool(body.text) == bool(body.action):
        raise _wrong("send either text, with the command, or value.action, with the action")
    return body


def _object(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong(f"{name} must be an object")
    return value


def _word(document: Mapping[str, Any], name: str, prefix: str = "") -> str:
    value = document.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(f"{prefix}{name} must be a string")
    if len(value) > MAX_ID:
        raise _wrong(f"{prefix}{name} is longer than {MAX_ID} characters")
    if not value.isprintable():
        raise _wrong(f"{prefix}{name} holds characters that cannot be printed")
    return value


def _text(document: Mapping[str, Any]) -> str:
    value = document.get("text")
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong("text must be a string")
    if len(value) > MAX_TEXT:
        raise _wrong(f"text is longer than {MAX_TEXT} characters")
    if any(letter < " " and letter not in "\t\r\n" for letter in value):
        raise _wrong("text holds control characters")
    return value.strip()


def _wrong(details: str) -> ValidationFailed:
    return ValidationFailed("The message is not valid", details=details)

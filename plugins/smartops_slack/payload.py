"""What a payload says, taken out of JSON that may hold anything anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CHANNEL = "slack"

Payload = Mapping[str, Any]
NOTHING: Payload = {}


def part(thing: Payload, name: str) -> Payload:
    """Return a member that is an object, else an empty one."""
    value = thing.get(name)
    return value if isinstance(value, dict) else NOTHING


def word(thing: Payload, name: str) -> str:
    """Return a member that is a string, else an empty one."""
    value = thing.get(name)
    return value if isinstance(value, str) else ""


def items(thing: Payload, name: str) -> tuple[Payload, ...]:
    """Return the objects in a member that is an array."""
    value = thing.get(name)
    return (
        tuple(item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()
    )


def first(thing: Payload, name: str) -> Payload:
    """Return the first object of a member that is an array, else an empty one."""
    value = thing.get(name)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return value[0]
    return NOTHING


def is_direct(channel: str) -> bool:
    """Say whether a conversation is between one person and the bot."""
    return channel.startswith("D")

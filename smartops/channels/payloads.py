"""Typed access to JSON from a platform, whose members can have any type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

JsonObject = Mapping[str, Any]
_EMPTY: JsonObject = {}


def text_of(value: JsonObject, name: str) -> str:
    """Return a member that is a string, else an empty string."""
    member = value.get(name)
    return member if isinstance(member, str) else ""


def object_of(value: JsonObject, name: str) -> JsonObject:
    """Return a member that is an object, else an empty one."""
    member = value.get(name)
    return member if isinstance(member, dict) else _EMPTY


def objects_of(value: JsonObject, name: str) -> tuple[JsonObject, ...]:
    """Return the objects in a member that is an array."""
    member = value.get(name)
    items = member if isinstance(member, list) else ()
    return tuple(item for item in items if isinstance(item, dict))

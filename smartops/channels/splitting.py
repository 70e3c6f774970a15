"""Splitting content that is too large for one message, by a function that returns its size."""

from __future__ import annotations

import json
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from pydantic_core import PydanticSerializationError, to_json

Item = TypeVar("Item")


def compact_json(value: Any) -> bytes:
    """Return a value of JSON types as compact JSON in UTF-8."""
    try:
        return to_json(value)
    except PydanticSerializationError:  # a lone surrogate, which UTF-8 has no bytes for
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def json_size(value: Any) -> int:
    """Return the number of bytes of a value as compact JSON in UTF-8."""
    return len(compact_json(value))


def grouped(
    items: Iterable[Item],
    room: int,
    size: Callable[[Item], int],
    *,
    first: int | None = None,
    most: int = sys.maxsize,
) -> Iterator[list[Item]]:
    """Put items, in order, into as few groups as hold them.

    The sizes of a group's items add up to at most ``room``, in the first group
    ``first`` if given; a larger item is a group of its own. A group has at most
    ``most`` items.
    """
    group: list[Item] = []
    left = room if first is None else first
    for item in items:
        need = size(item)
        if group and (need > left or len(group) == most):
            yield group
            group, left = [], room
        group.append(item)
        left -= need
    if group:
        yield group


def beginning(text: str, room: int, size: Callable[[str], int] = json_size) -> str:
    """Return the longest beginning of a text whose size is at most ``room``; at least a character.

    ``size`` must grow with the text and never be smaller than its number of characters.
    """
    most = min(len(text), room)
    fitting = bisect_right(range(1, most + 1), room, key=lambda length: size(text[:length]))
    return text[: max(fitting, 1)]


def lines_of(text: str, room: int, size: Callable[[str], int] = json_size) -> Iterator[str]:
    """Yield the lines of a text with their line ends; longer ones than ``room`` in pieces."""
    *lines, last = text.split("\n")
    for line in (*(f"{line}\n" for line in lines), last):
        rest = line
        while len(rest) > room or size(rest) > room:
            piece = beginning(rest, room, size)
            yield piece
            rest = rest[len(piece) :]
        if rest:
            yield rest

"""Splitting what is too large for one message, by a function that tells the size of a part."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

Item = TypeVar("Item")

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def compact_json(value: Any) -> bytes:
    """Return a value of JSON types as compact JSON in UTF-8."""
    return _encode(value).encode("utf-8", "replace")


def json_size(value: Any) -> int:
    """Return how many bytes a value takes as compact JSON in UTF-8."""
    text = _encode(value)
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def grouped(
    items: Iterable[Item], room: int, size: Callable[[Item], int], *, first: int | None = None
) -> Iterator[list[Item]]:
    """Put items, in order, into as few groups as hold them.

    A group has ``room``, the first one ``first`` if given; each item takes its size.
    An item that is larger than that is a group of its own.
    """
    group: list[Item] = []
    left = room if first is None else first
    for item in items:
        need = size(item)
        if group and need > left:
            yield group
            group, left = [], room
        group.append(item)
        left -= need
    if group:
        yield group


def beginning(text: str, room: int, size: Callable[[str], int] = json_size) -> str:
    """Return as much of the beginning of a text as takes at most ``room``, at least a character.

    ``size`` must not be smaller than the number of characters, nor for a longer text.
    """
    most = min(len(text), room)
    fitting = bisect_right(range(1, most + 1), room, key=lambda length: size(text[:length]))
    return text[: max(fitting, 1)]


def lines_of(text: str, room: int, size: Callable[[str], int] = json_size) -> Iterator[str]:
    """Return the lines of a text with their ends; those that take more than ``room`` are cut."""
    *lines, last = text.split("\n")
    for line in (*(f"{line}\n" for line in lines), last):
        rest = line
        while len(rest) > room or size(rest) > room:
            piece = beginning(rest, room, size)
            yield piece
            rest = rest[len(piece) :]
        if rest:
            yield rest

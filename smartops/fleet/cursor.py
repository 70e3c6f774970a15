"""The page cursor of a listing of several backends: it holds the position in each of them.

It grants no rights: a forged cursor can only skip instances that the person may
list anyway. So it is validated, and not signed.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from smartops.errors import ValidationFailed

MOST = 32 * 1024
"""Characters of a cursor."""

_CHECK = 6
Key = tuple[str, str, str]
"""Name, id and backend of an instance: the sort key of a listing."""


Position = str | int
"""A position in one backend: the cursor of its next page, or ENDED, or FAILED."""

ENDED = 0
"""All of the backend's instances were shown."""

FAILED = 1
"""The backend is left out, because it did not answer for an earlier page."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last item shown, and the position in every backend."""

    after: Key
    positions: tuple[Position, ...]


def write(cursor: Cursor, members: Sequence[str]) -> str:
    """Return the cursor as text; raises ValidationFailed if it is too long."""
    body = json.dumps([cursor.after, cursor.positions], separators=(",", ":")).encode()
    text = urlsafe_b64encode(_check(body, members) + body).decode().rstrip("=")
    if len(text) > MOST:
        raise ValidationFailed(
            f"{len(members)} backends are too many to go through page by page",
            details="List some of the backends at a time",
        )
    return text


def read(text: str, members: Sequence[str]) -> Cursor:
    """Return the cursor written for these backends; raises ValidationFailed for any other text."""
    try:
        raw = _decoded(text)
        body = raw[_CHECK:]
        if raw[:_CHECK] != _check(body, members):
            raise ValueError("the check does not hold")
        (name, id_, backend), positions = json.loads(body)
        after = _text(name), _text(id_), _text(backend)
        if len(positions) != len(members) or not all(map(_is_position, positions)):
            raise ValueError("the positions are wrong")
    except (NotBase64, UnicodeError, ValueError, TypeError, RecursionError):
        raise ValidationFailed("There is no such page", details="Ask for the list again") from None
    return Cursor(after, tuple(positions))


def _decoded(text: str) -> bytes:
    if len(text) > MOST:
        raise ValueError("too long")
    raw = text.encode("ascii")
    return urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))


def _check(body: bytes, members: Sequence[str]) -> bytes:
    digest = blake2b(json.dumps(list(members)).encode(), digest_size=_CHECK)
    digest.update(body)
    return digest.digest()


def _is_position(value: Any) -> bool:
    return isinstance(value, str) or (type(value) is int and value in (ENDED, FAILED))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value

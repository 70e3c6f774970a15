"""Pages: tokens that say where the next one begins, and whose they are."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import TypeVar

from .answers import AwsError

T = TypeVar("T")


def page(
    items: Sequence[T], size: int, token: str, of: str, wrong: AwsError
) -> tuple[list[T], str]:
    """Return a page and the token of the next, empty at the end.

    ``of`` says what is listed: a token of something else is refused with ``wrong``.
    """
    start = place_of(token, of, wrong)
    end = start + size
    return list(items[start:end]), (make(end, of) if end < len(items) else "")


def make(place: int, of: str) -> str:
    """Return the token of a place in a list."""
    return urlsafe_b64encode(json.dumps([place, of]).encode()).decode()


def place_of(token: str, of: str, wrong: AwsError) -> int:
    """Return the place that a token names, 0 without one; raises ``wrong`` if it is another's."""
    if not token:
        return 0
    try:
        place, whose = json.loads(urlsafe_b64decode(token))
    except (ValueError, TypeError):
        raise wrong from None
    if whose != of or not isinstance(place, int):
        raise wrong
    return place

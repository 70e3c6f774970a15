"""Listing instances in another order than by name: all matches are read to select a page."""

from __future__ import annotations

import heapq
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any, Literal, get_args

from anyio import lowlevel

from smartops import Compute, Instance, ValidationFailed
from smartops.backends import Metric, Page, Query

from .usage import Measured

Order = Literal["name", "launched", "type", "state", "cpu", "memory", "disk"]
Measure = Callable[[Sequence[Instance]], Awaitable[Measured]]

_ALL = 10**9  # unlike 0, a limit lets backends use what they read for the page before
_MOST_MEASURED = 1000
_TURN = 250
_STATES = (*Query.EXISTING, "terminated")

Key = list[Any]
"""What an instance is sorted by, then its name, id and backend."""


async def sorted_page(
    query: Query, order: Order, compute: Compute, measure: Measure
) -> tuple[Page, Measured]:
    """Return a page in an order, and the usage of its instances.

    The latest launches and the highest usage come first. The cursor holds the key
    of the page's last instance. Raises ValidationFailed for another's cursor.
    """
    after = _read(query.cursor, order) if query.cursor else None
    found = await compute.list(replace(query, limit=_ALL, cursor="", follows=after is not None))
    measured = None
    if order in get_args(Metric):
        _check_measurable(len(found.instances), order)
        measured = await measure(found.instances)
    shown = await _first(found.instances, query.limit + 1, after, _key_of(order, measured))
    more, shown = len(shown) > query.limit, shown[: query.limit]
    page = replace(
        found,
        instances=tuple(item for _, item in shown),
        next=_written(shown[-1][0], order) if more else "",
    )
    return page, measured or await measure(page.instances)


def _check_measurable(count: int, order: Order) -> None:
    if count > _MOST_MEASURED:
        raise ValidationFailed(
            f"{count:,} instances are too many to be sorted by {order}",
            details=f"At most {_MOST_MEASURED:,} are measured at once; use filters such as --tag",
        )


async def _first(
    instances: Sequence[Instance], count: int, after: Key | None, key: Callable[[Instance], Key]
) -> list[tuple[Key, Instance]]:
    """Return the first ``count`` instances after a key; other tasks run meanwhile."""
    first: list[tuple[Key, Instance]] = []
    for start in range(0, len(instances), _TURN):
        keyed = [(key(item), item) for item in instances[start : start + _TURN]]
        fresh = [pair for pair in keyed if after is None or pair[0] > after]
        first = heapq.nsmallest(count, [*first, *fresh], key=itemgetter(0))
        await lowlevel.checkpoint()
    return first


def _key_of(order: Order, measured: Measured | None) -> Callable[[Instance], Key]:
    def value(item: Instance) -> str | float:
        if measured is not None:
            usage: float | None = getattr(measured.of(item), order)
            return 1.0 if usage is None else -usage
        if order == "launched":
            return -item.launched.timestamp() if item.launched else 1.0
        return _STATES.index(item.state) if order == "state" else item.type

    return lambda item: [value(item), item.name, item.id, item.backend]


def _written(key: Key, order: Order) -> str:
    text = json.dumps([order, *key], separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(cursor: str, order: Order) -> Key:
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        of, value, *rest = json.loads(raw)
        kind = str if order == "type" else (int, float)
        if of != order or not isinstance(value, kind) or list(map(type, rest)) != [str] * 3:
            raise ValueError("the cursor of another list")
    except (ValueError, TypeError, RecursionError):  # UnicodeError and binascii.Error are the first
        raise ValidationFailed("There is no such page", details="Ask for the list again") from None
    return [value, *rest]

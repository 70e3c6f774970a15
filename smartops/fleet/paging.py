"""The page of a listing, for backends that have all of their instances at hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from anyio import lowlevel

from smartops.backend import Instance, Page, Query
from smartops.errors import ValidationFailed

_TURN = 250


async def page_of(instances: Iterable[Instance], query: Query) -> Page:
    """Return the page of ``instances`` that a query asks for; the cursor is the last one's id.

    Other tasks run meanwhile. Raises ValidationFailed if no instance has that id.
    """
    matches = query.matcher()
    found: list[Instance] = []
    last: Instance | None = None
    for number, item in enumerate(instances, 1):
        if matches(item):
            found.append(item)
        if item.id == query.cursor:
            last = item
        if number % _TURN == 0:
            await lowlevel.checkpoint()
    if query.cursor and last is None:
        raise ValidationFailed("There is no such page", details="Ask for the list again")
    found.sort(key=_key)
    counts: Counter[str] = Counter(item.state for item in found)
    rest = found if last is None else [item for item in found if _key(item) > _key(last)]
    shown = rest[: query.limit or None]
    return Page(tuple(shown), counts, shown[-1].id if len(shown) < len(rest) else "")


def _key(instance: Instance) -> tuple[str, str]:
    return instance.name, instance.id

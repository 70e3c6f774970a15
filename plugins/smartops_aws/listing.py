"""All instances that match a query, in order, and the pages they are shown in.

EC2 neither sorts nor counts, so every listing has to be read to its end. It is
cached for the following pages.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from urllib.parse import quote, unquote

from anyio import to_thread
from cachetools import LRUCache

from smartops import Instance, ValidationFailed
from smartops.backends import Page, Query

from .actions import DESCRIBE
from .filters import requests
from .kit import Region
from .kit.concurrency import SingleFlight
from .parsing import INSTANCES

PAGE = 1000
_CACHED = 4
_FOLLOWED = 60.0
"""Seconds for which the following pages show the listing that the first page was taken from."""
_FIRST_PAGE = 2.0
"""Seconds for which first pages are taken from the same listing."""

Key = tuple[str, str]
_FIRST = itemgetter(0)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a query matched at a moment, by name then id."""

    at: float
    instances: Sequence[Instance]
    keys: Sequence[Key]
    counts: Mapping[str, int]

    def page(self, cursor: str, limit: int) -> Page:
        """Return the instances after a cursor; raises ValidationFailed if it is none."""
        start = bisect_right(self.keys, _position(cursor)) if cursor else 0
        end = start + limit if limit > 0 else len(self.keys)
        more = end < len(self.keys)
        return Page(
            instances=tuple(self.instances[start:end]),
            counts=self.counts,
            next=_written(self.keys[end - 1]) if more else "",
        )


class Listing:
    """The instances of one region of one account."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self._in_flight: SingleFlight[Hashable, Snapshot] = SingleFlight()
        self._cached: LRUCache[Hashable, Snapshot] = LRUCache(_CACHED)
        self._changes = 0

    async def page(self, query: Query) -> Page:
        """Return a page of what matches; raises refusals."""
        if query.cursor:
            _position(query.cursor)  # an invalid cursor is refused before AWS is called
        key = _key(query)
        found = self._cached.get(key)
        age = _FOLLOWED if query.cursor or query.follows else _FIRST_PAGE
        if not (found and query.limit and self.region.clock.time() - found.at < age):
            changes = self._changes
            found = await self._in_flight.do((key, changes), partial(self._read, query))
            if query.limit and changes == self._changes:
                self._cached[key] = found
        return found.page(query.cursor, query.limit)

    async def all(self, query: Query) -> Sequence[Instance]:
        """Return everything that matches now; raises refusals."""
        return (await self.page(query)).instances

    def changed(self) -> None:
        """Forget everything: it is different now."""
        self._cached.clear()
        self._changes += 1

    async def _read(self, query: Query) -> Snapshot:
        parts: list[Sequence[Instance]] = []
        for filters in requests(query):
            pages = self.region.pages(DESCRIBE, Filters=filters, MaxResults=PAGE)
            parts += [page[INSTANCES] async for page in pages]
        at = self.region.clock.time()  # reading a large fleet takes longer than it is cached
        return await to_thread.run_sync(_assembled, at, parts, query, limiter=self.region.places)


def _assembled(at: float, parts: Iterable[Sequence[Instance]], query: Query) -> Snapshot:
    """Select and sort. It works part by part, for one long sort would hold up the event loop."""
    matches = query.matcher()
    seen: set[str] = set()
    ordered: list[tuple[Key, Instance]] = []
    for part in parts:
        run = [((item.name, item.id), item) for item in part if matches(item)]
        run = [keyed for keyed in run if keyed[0][1] not in seen]
        seen.update(item.id for _, item in run)
        run.sort(key=_FIRST)
        ordered += run
    ordered.sort(key=_FIRST)  # runs are merged, which is quick
    return Snapshot(
        at,
        [item for _, item in ordered],
        [key for key, _ in ordered],
        dict(Counter(item.state for _, item in ordered)),
    )


def _key(query: Query) -> Hashable:
    return (
        query.ids,
        query.names,
        query.addresses,
        query.states,
        query.platforms,
        query.types,
        tuple(sorted(query.tags.items())),
    )


def _written(key: Key) -> str:
    return "/".join(quote(part, safe="") for part in key)


def _position(cursor: str) -> Key:
    try:
        name, id_ = map(unquote, cursor.split("/"))
    except ValueError:
        raise ValidationFailed("There is no such page", details="Ask for the list again") from None
    return name, id_

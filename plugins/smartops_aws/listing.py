"""All instances that match a query, in order, and the pages they are shown in.

EC2 neither sorts nor counts, so every listing has to be read to its end. What
was read is kept for the pages that follow.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from bisect import bisect_right
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter

from anyio import to_thread
from cachetools import LRUCache

from smartops import Instance, ValidationFailed
from smartops.backends import Page, Query

from .actions import DESCRIBE
from .filters import matcher, requests
from .kit import Region
from .kit.concurrency import SingleFlight
from .parsing import INSTANCES

PAGE = 1000
_KEPT = 4
_FOLLOWED = 60.0
"""Seconds for which the pages that follow show what the first one was taken from."""
_GLANCED = 2.0
"""Seconds for which a first page may be: changes ask for all instances and read anew."""

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
        start = bisect_right(self.keys, _decoded(cursor)) if cursor else 0
        end = start + limit if limit > 0 else len(self.keys)
        more = end < len(self.keys)
        return Page(
            instances=tuple(self.instances[start:end]),
            counts=self.counts,
            next=_encoded(self.keys[end - 1]) if more else "",
        )


class Listing:
    """The instances of one region of one account."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self._in_flight: SingleFlight[Snapshot] = SingleFlight()
        self._kept: LRUCache[Hashable, Snapshot] = LRUCache(_KEPT)
        self._changes = 0

    async def page(self, query: Query) -> Page:
        """Return a page of what matches; raises refusals."""
        if query.cursor:
            _decoded(query.cursor)  # nothing is read for what is no cursor
        key = _key(query)
        kept = self._kept.get(key)
        age = _FOLLOWED if query.cursor else _GLANCED
        if not (kept and query.limit and self.region.clock.time() - kept.at < age):
            changes = self._changes
            kept = await self._in_flight.do((key, changes), partial(self._read, query))
            if query.limit and changes == self._changes:
                self._kept[key] = kept
        return kept.page(query.cursor, query.limit)

    async def all(self, query: Query) -> Sequence[Instance]:
        """Return everything that matches now; raises refusals."""
        return (await self.page(query)).instances

    def changed(self) -> None:
        """Forget everything: it is different now."""
        self._kept.clear()
        self._changes += 1

    async def _read(self, query: Query) -> Snapshot:
        at = self.region.clock.time()
        parts: list[Sequence[Instance]] = []
        for filters in requests(query):
            pages = self.region.pages(DESCRIBE, Filters=filters, MaxResults=PAGE)
            parts += [page[INSTANCES] async for page in pages]
        return await to_thread.run_sync(_assembled, at, parts, query, limiter=self.region.places)


def _assembled(at: float, parts: Iterable[Sequence[Instance]], query: Query) -> Snapshot:
    """Select and sort. It works part by part, for one long sort would hold up the event loop."""
    matches = matcher(query)
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


def _encoded(key: Key) -> str:
    return urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def _decoded(cursor: str) -> Key:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        name, id_ = json.loads(urlsafe_b64decode(padded))
        if not (isinstance(name, str) and isinstance(id_, str)):
            raise TypeError("no text")
    except (NotBase64, UnicodeError, ValueError, TypeError, RecursionError):
        raise ValidationFailed("There is no such page", details="Ask for the list again") from None
    return name, id_

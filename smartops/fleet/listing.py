"""One listing from many: pages of several backends merged in order, with a place in each."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from operator import itemgetter

from anyio import lowlevel

from smartops.backend import Compute, Failure, Instance, Page, Query
from smartops.errors import BackendUnavailable, ValidationFailed
from smartops.services import Clock

from .asking import ask
from .cursor import Cursor, Key, Place, read, write
from .telling import refusal

_TURN = 250
_START: Key = ("", "", "")


@dataclass(slots=True)
class _Reader:
    """One backend's part of a listing, and how much of it was taken.

    ``ends`` says after how many items which page begins: a backend's own
    cursor only ever points between two of its pages.
    """

    name: str
    compute: Compute
    place: Place
    after: Key
    items: list[Instance] = field(default_factory=list)
    ends: list[tuple[int, str]] = field(default_factory=list)
    taken: int = 0

    async def read(self, query: Query) -> Mapping[str, int]:
        """Read until there is enough for a page of the whole; returns the counts."""
        if self.place.ended:
            return (await self.compute.list(replace(query, cursor="", limit=1))).counts
        cursor = self.place.cursor
        while True:
            page = await self.compute.list(replace(query, cursor=cursor))
            self.items += self._fresh(page.instances)
            self.ends.append((len(self.items), page.next))
            if not page.next or len(self.items) >= query.limit:
                return page.counts
            cursor = page.next

    def keyed(self) -> Iterator[tuple[Key, _Reader, Instance]]:
        """Give the items with what orders them."""
        return (((item.name, item.id, self.name), self, item) for item in self.items)

    def left_at(self) -> Place:
        """Return where the next page goes on."""
        place = self.place
        for end, following in self.ends:
            if self.taken < end:
                break
            place = Place(following, ended=not following)
        return place

    def _fresh(self, instances: Sequence[Instance]) -> Sequence[Instance]:
        if self.after == _START:
            return instances
        return [item for item in instances if (item.name, item.id, self.name) > self.after]


async def listed(members: Mapping[str, Compute], query: Query, clock: Clock) -> Page:
    """Return one page of everything that the members list.

    Those that do not answer are named, and left out of the pages that follow.
    Raises the refusal of all when none answers, and ValidationFailed for a
    cursor that was not given out for these members.
    """
    readers = _readers(members, query.cursor)
    plain = replace(query, cursor="", backends=())
    asked = {item.name: partial(item.read, plain) for item in readers if not item.place.failed}
    answers = await ask(asked, clock)
    before = tuple(_left_out(item.name) for item in readers if item.place.failed)
    failures = (*before, *answers.failures)
    if not answers.found:
        raise refusal(failures)
    if query.cursor:
        _raise_if_forged(answers.failures)
    answered = [item for item in readers if item.name in answers.found]
    shown, last = await _merged(answered, query.limit)
    return Page(
        instances=tuple(shown),
        counts=_summed(answers.found.values()),
        next=_following(readers, answers.found, last) if query.limit else "",
        failures=failures,
    )


def _readers(members: Mapping[str, Compute], cursor: str) -> Sequence[_Reader]:
    start = read(cursor, tuple(members)) if cursor else Cursor(_START, (Place(),) * len(members))
    return [
        _Reader(name, compute, place, start.after)
        for (name, compute), place in zip(members.items(), start.places, strict=True)
    ]


async def _merged(readers: Sequence[_Reader], limit: int) -> tuple[list[Instance], Key]:
    """Return the first items of all, at most ``limit`` of them, and the key of the last."""
    shown: list[Instance] = []
    last = _START
    for key, reader, item in heapq.merge(*(each.keyed() for each in readers), key=itemgetter(0)):
        shown.append(item)
        reader.taken += 1
        last = key
        if len(shown) == limit:
            break
        if len(shown) % _TURN == 0:
            await lowlevel.checkpoint()
    return shown, last


def _following(readers: Sequence[_Reader], answered: Container[str], last: Key) -> str:
    """Return the cursor of the next page; empty if everything of everybody was shown."""
    places = tuple(
        item.left_at() if item.name in answered else Place(failed=True) for item in readers
    )
    if all(place.ended or place.failed for place in places):
        return ""
    return write(Cursor(last, places), [item.name for item in readers])


def _summed(counts: Iterable[Mapping[str, int]]) -> Mapping[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)


def _left_out(name: str) -> Failure:
    error = BackendUnavailable("It did not answer for an earlier page", details="List them again")
    return Failure(name, error)


def _raise_if_forged(failures: Iterable[Failure]) -> None:
    """Raise what a backend says of the cursor it is said to have given out."""
    for failure in failures:
        if isinstance(failure.error, ValidationFailed):
            raise failure.error

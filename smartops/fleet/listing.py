"""One listing of several backends: their pages merged in order, with a position in each."""

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

from .cursor import ENDED, FAILED, Cursor, Key, Position, read, write
from .failures import refusal
from .group import ask

_TURN = 250
_START: Key = ("", "", "")


@dataclass(slots=True)
class _Reader:
    """One backend's part of a listing, and how many of its items are on the page.

    ``ends`` has the number of items up to the end of each page that was read, and the
    cursor of the page after it: a backend's cursor can only point between two pages.
    """

    name: str
    compute: Compute
    position: Position
    after: Key
    items: list[Instance] = field(default_factory=list)
    ends: list[tuple[int, str]] = field(default_factory=list)
    taken: int = 0

    async def read(self, query: Query) -> Mapping[str, int]:
        """Read until there are enough items for a page of the whole; returns the counts."""
        if self.position == ENDED:
            return (await self.compute.list(replace(query, limit=1))).counts
        cursor = str(self.position)
        while True:
            page = await self.compute.list(replace(query, cursor=cursor))
            self.items += self._fresh(page.instances)
            self.ends.append((len(self.items), page.next))
            if not page.next or len(self.items) >= query.limit:
                return page.counts
            cursor = page.next

    def keyed(self) -> Iterator[tuple[Key, _Reader, Instance]]:
        """Return the items with their sort keys."""
        return (((item.name, item.id, self.name), self, item) for item in self.items)

    def left_at(self) -> Position:
        """Return the position at which the next page begins."""
        position = self.position
        for end, following in self.ends:
            if self.taken < end:
                break
            position = following or ENDED
        return position

    def _fresh(self, instances: Sequence[Instance]) -> Sequence[Instance]:
        if self.after == _START:
            return instances
        return [item for item in instances if (item.name, item.id, self.name) > self.after]


async def listed(members: Mapping[str, Compute], query: Query, clock: Clock) -> Page:
    """Return one page of the members' merged listings.

    Once all wanted ids are found, no other member is waited for.
    Members that do not answer are named, and left out of the following pages.
    Raises the joint error if no member answers, and ValidationFailed for a
    cursor of other members.
    """
    readers = _readers(members, query.cursor)
    plain = replace(query, cursor="", backends=(), follows=query.follows or bool(query.cursor))
    asked = {item.name: partial(item.read, plain) for item in readers if item.position != FAILED}

    def complete() -> bool:
        wanted = {id_.lower() for id_ in query.ids}
        return bool(wanted) and wanted <= {it.id.lower() for each in readers for it in each.items}

    answers = await ask(asked, clock, enough=complete)
    before = tuple(_left_out(item.name) for item in readers if item.position == FAILED)
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
    start = read(cursor, tuple(members)) if cursor else Cursor(_START, ("",) * len(members))
    return [
        _Reader(name, compute, position, start.after)
        for (name, compute), position in zip(members.items(), start.positions, strict=True)
    ]


async def _merged(readers: Sequence[_Reader], limit: int) -> tuple[list[Instance], Key]:
    """Return the first ``limit`` items of all readers, and the sort key of the last."""
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
    """Return the cursor of the next page; empty if all items were shown."""
    positions = tuple(item.left_at() if item.name in answered else FAILED for item in readers)
    if all(position in (ENDED, FAILED) for position in positions):
        return ""
    return write(Cursor(last, positions), [item.name for item in readers])


def _summed(counts: Iterable[Mapping[str, int]]) -> Mapping[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)


def _left_out(name: str) -> Failure:
    error = BackendUnavailable("It did not answer for an earlier page", details="List them again")
    return Failure(name, error)


def _raise_if_forged(failures: Iterable[Failure]) -> None:
    """Raise the backend's own error if it refuses its part of the cursor."""
    for failure in failures:
        if isinstance(failure.error, ValidationFailed):
            raise failure.error

"""The machines in order and by what queries ask for, kept up to date on every change.

Listing a page of 10,000 machines touches the page and a few sets, not the
machines.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import compress, islice
from operator import attrgetter
from typing import TypeVar

from smartops import Query, State, ValidationFailed

from .machine import Machine

_KEY = attrgetter("key")
_NAME = attrgetter("name")
_LAST = "\U0010ffff"
_FEW = 500

Key = TypeVar("Key", bound="str | tuple[str, str]")
Found = set[Machine] | None
"""What a query selects; None is everything."""


class Index:
    """The machines of a world."""

    def __init__(self, machines: Iterable[Machine]) -> None:
        self.order: list[Machine] = sorted(machines, key=_KEY)
        self.by_id: dict[str, Machine] = {}
        self._states: dict[str, set[Machine]] = defaultdict(set)
        self._platforms: dict[str, set[Machine]] = defaultdict(set)
        self._types: dict[str, set[Machine]] = defaultdict(set)
        self._addresses: dict[str, set[Machine]] = defaultdict(set)
        self._keys: dict[str, set[Machine]] = defaultdict(set)
        self._tags: dict[tuple[str, str], set[Machine]] = defaultdict(set)
        for machine in self.order:
            if machine.id in self.by_id:
                raise ValueError(f"two instances have the id {machine.id}")
            self.by_id[machine.id] = machine
            self._states[machine.state].add(machine)
            self._platforms[machine.platform].add(machine)
            self._types[machine.type].add(machine)
            self._add_address(machine)
            self._add_tags(machine)

    def move(self, machine: Machine, state: State, public_ip: str) -> None:
        """Bring a machine into another state, and give it its address there."""
        _remove(self._states, machine.state, machine)
        _remove(self._addresses, machine.public_ip, machine)
        machine.state, machine.public_ip = state, public_ip
        self._states[state].add(machine)
        self._add_address(machine)
        machine.touch()

    def retag(self, machine: Machine, tags: dict[str, str]) -> None:
        """Give a machine other tags; its name is the tag Name."""
        for key, value in machine.tags.items():
            _remove(self._keys, key, machine)
            _remove(self._tags, (key, value), machine)
        del self.order[bisect_left(self.order, machine.key, key=_KEY)]
        machine.tags, machine.name = tags, tags.get("Name", "")
        insort(self.order, machine, key=_KEY)
        self._add_tags(machine)
        machine.touch()

    def select(self, query: Query) -> Found:
        """Return the machines that a query asks for."""
        groups = list(self._groups(query))
        if not groups:
            return None
        groups.sort(key=len)
        return groups[0].intersection(*groups[1:])

    def count(self, found: Found) -> dict[str, int]:
        """Return how many of the machines are in each state; states of none are left out."""
        counts = {
            state: len(members if found is None else members & found)
            for state, members in self._states.items()
        }
        return {state: count for state, count in counts.items() if count}

    def page(self, found: Found, cursor: str, limit: int) -> tuple[list[Machine], str]:
        """Return the machines after a cursor, at most ``limit``, and the cursor after them."""
        start = 0
        if cursor:
            start = bisect_right(self.order, _decode(cursor), key=_KEY)
        rest: Iterable[Machine]
        if found is None:
            rest = islice(self.order, start, None)
        elif len(found) < _FEW:
            after = _decode(cursor) if cursor else ("", "")
            rest = (item for item in sorted(found, key=_KEY) if item.key > after)
        else:
            rest = filter(found.__contains__, islice(self.order, start, None))
        if limit <= 0:
            return list(rest), ""
        taken = list(islice(rest, limit + 1))
        more = len(taken) > limit
        return taken[:limit], _encode(taken[limit - 1].key) if more else ""

    def _groups(self, query: Query) -> Iterable[set[Machine]]:
        if query.ids:
            yield {machine for id_ in query.ids if (machine := self.by_id.get(id_))}
        if query.names:
            yield {machine for name in query.names for machine in self._named(name)}
        for values, index in (
            (query.addresses, self._addresses),
            (query.states, self._states),
            (query.platforms, self._platforms),
            (query.types, self._types),
        ):
            if values:
                yield _any(index, values)
        for key, values in query.tags.items():
            yield (
                _any(self._tags, [(key, value) for value in values])
                if values
                else self._keys.get(key, set())
            )

    def _named(self, pattern: str) -> Iterable[Machine]:
        """Return the machines whose name fits a pattern, from the span its literal head allows."""
        head = re.split(r"[*?]", pattern, maxsplit=1)[0]
        if head == pattern:
            return self._span((head, ""), (head, _LAST))
        span = self._span((head, ""), (head + _LAST, ""))
        return compress(span, map(_wildcards(pattern).fullmatch, map(_NAME, span)))

    def _span(self, first: tuple[str, str], last: tuple[str, str]) -> Sequence[Machine]:
        start = bisect_left(self.order, first, key=_KEY)
        return self.order[start : bisect_right(self.order, last, lo=start, key=_KEY)]

    def _add_address(self, machine: Machine) -> None:
        for address in (machine.private_ip, machine.public_ip):
            if address:
                self._addresses[address].add(machine)

    def _add_tags(self, machine: Machine) -> None:
        for pair in machine.tags.items():
            self._keys[pair[0]].add(machine)
            self._tags[pair].add(machine)


def _remove(index: dict[Key, set[Machine]], key: Key, machine: Machine) -> None:
    members = index.get(key)
    if members is not None:
        members.discard(machine)
        if not members:
            del index[key]


def _any(index: Mapping[Key, set[Machine]], keys: Sequence[Key]) -> set[Machine]:
    if len(keys) == 1:
        return index.get(keys[0], set())
    return set().union(*(index.get(key, ()) for key in keys))


@lru_cache(maxsize=256)
def _wildcards(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"([*?])", pattern)
    told = {"*": ".*", "?": "."}
    return re.compile("".join(told.get(part, re.escape(part)) for part in parts), re.DOTALL)


def _encode(key: tuple[str, str]) -> str:
    return urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def _decode(cursor: str) -> tuple[str, str]:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        name, id_ = json.loads(urlsafe_b64decode(padded))
    except (NotBase64, UnicodeError, ValueError, TypeError):
        raise ValidationFailed("There is no such page", details="Ask for the list again") from None
    if not (isinstance(name, str) and isinstance(id_, str)):
        raise ValidationFailed("There is no such page", details="Ask for the list again")
    return name, id_

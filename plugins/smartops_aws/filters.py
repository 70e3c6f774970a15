"""Which instances a query is about: as filters of EC2, to be sent less, and exactly."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import translate
from functools import lru_cache
from typing import Any

from smartops import Instance
from smartops.backends import Query

MOST_VALUES = 200
"""How many values the filters of one request may have."""

_CHUNK = 150  # leaves some for the filters beside
_BESIDE = MOST_VALUES - _CHUNK

Filter = Mapping[str, Any]


def requests(query: Query) -> Sequence[Sequence[Filter]]:
    """Return the filters of the requests whose answers together hold all that a query asks for.

    They may hold more: some conditions EC2 does not know, and some are too many
    for one request. :func:`matcher` tells. With many values of one kind there
    are several requests, and they may answer with the same instance.
    """
    wide, beside = _split(query)
    kept: list[Filter] = []
    room = _BESIDE
    for name, values in beside:
        if len(values) <= room:
            kept.append({"Name": name, "Values": list(values)})
            room -= len(values)
    if not wide:
        return [kept]
    return [
        [{"Name": name, "Values": list(values[start : start + _CHUNK])}, *kept]
        for name, values in wide
        for start in range(0, len(values), _CHUNK)
    ]


def matcher(query: Query) -> Callable[[Instance], bool]:
    """Return what says whether an instance is one that a query asks for."""
    checks = list(_checks(query))
    return lambda instance: all(check(instance) for check in checks)


Values = tuple[str, Sequence[str]]


def _split(query: Query) -> tuple[list[Values], list[Values]]:
    """Return the alternatives to ask for one after another, and what narrows each of them."""
    beside: list[Values] = [
        ("instance-state-name", query.states),
        ("instance-type", [_literal(item) for item in query.types]),
        *((f"tag:{key}", [_literal(item) for item in each]) for key, each in query.tags.items()),
        *(("tag-key", [_literal(key)]) for key, each in query.tags.items() if not each),
    ]
    beside = [(name, values) for name, values in beside if values]
    ids: Values = ("instance-id", query.ids)
    names: Values = ("tag:Name", [item.replace("\\", r"\\") for item in query.names])
    addresses: list[Values] = [
        ("private-ip-address", query.addresses),
        ("ip-address", query.addresses),
    ]
    if query.ids:
        return [ids], beside
    if query.addresses:
        return addresses, beside
    return ([names] if query.names else []), beside


def _literal(value: str) -> str:
    """Return a value that EC2 takes as it stands: stars and question marks are wildcards there."""
    return re.sub(r"([*?\\])", r"\\\1", value)


def _checks(query: Query) -> Iterable[Callable[[Instance], bool]]:
    if query.ids:
        ids = frozenset(query.ids)
        yield lambda item: item.id in ids
    if query.names:
        named = _named(query.names)
        yield lambda item: named(item.name)
    if query.addresses:
        addresses = frozenset(query.addresses)
        yield lambda item: item.private_ip in addresses or item.public_ip in addresses
    if query.states:
        yield lambda item: item.state in query.states
    if query.platforms:
        yield lambda item: item.platform in query.platforms
    if query.types:
        yield lambda item: item.type in query.types
    for key, values in query.tags.items():
        yield _tagged(key, values)


def _tagged(key: str, values: Sequence[str]) -> Callable[[Instance], bool]:
    if not values:
        return lambda item: key in item.tags
    return lambda item: item.tags.get(key) in values


def _named(patterns: Sequence[str]) -> Callable[[str], bool]:
    exact = frozenset(name for name in patterns if not set("*?") & set(name))
    globs = [_glob(name) for name in patterns if name not in exact]
    return lambda name: name in exact or any(glob.fullmatch(name) for glob in globs)


@lru_cache(maxsize=256)
def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern.replace("[", "[[]")))

"""Queries as filters of EC2, which answers with a superset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from smartops.backends import Query, literal, pattern_tokens

MOST_VALUES = 200
"""How many values the filters of one request may have."""

_CHUNK = 150  # leaves some for the filters beside
_BESIDE = MOST_VALUES - _CHUNK

Filter = Mapping[str, Any]


def requests(query: Query) -> Sequence[Sequence[Filter]]:
    """Return the filters of requests that together return every match of a query.

    They may hold more: some conditions EC2 does not know, and some are too many
    for one request, so that :meth:`Query.matcher` selects. With many values of one kind there
    are several requests, and they may answer with the same instance.
    """
    wide, beside = _split(query)
    narrowing: list[Filter] = []
    room = _BESIDE
    for name, values in beside:
        if len(values) <= room:
            narrowing.append({"Name": name, "Values": list(values)})
            room -= len(values)
    if not wide:
        return [narrowing]
    return [
        [{"Name": name, "Values": list(values[start : start + _CHUNK])}, *narrowing]
        for name, values in wide
        for start in range(0, len(values), _CHUNK)
    ]


Values = tuple[str, Sequence[str]]


def _split(query: Query) -> tuple[list[Values], list[Values]]:
    """Return the alternatives to ask for one after another, and what narrows each of them."""
    beside: list[Values] = [
        ("instance-state-name", query.states),
        ("instance-type", [item.lower() for item in query.types]),
        *((f"tag:{key}", [*map(_escaped, each)]) for key, each in query.tags.items()),
        *(("tag-key", [literal(key)]) for key, each in query.tags.items() if not each),
    ]
    beside = [(name, values) for name, values in beside if values]
    ids: Values = ("instance-id", query.ids)
    names: Values = ("tag:Name", [*map(_any_case, query.names)])
    addresses: list[Values] = [
        ("private-ip-address", query.addresses),
        ("ip-address", query.addresses),
    ]
    if query.ids:
        return [ids], beside
    if query.addresses:
        return addresses, beside
    return ([names] if query.names else []), beside


def _escaped(pattern: str) -> str:
    """Return the pattern for EC2, where only wildcards and backslashes need a backslash."""
    tokens = pattern_tokens(pattern)
    return "".join(token if len(token) == 1 else literal(token[1]) for token in tokens)


def _any_case(pattern: str) -> str:
    """Return a pattern of EC2 that matches at least what a pattern of names matches.

    EC2 compares case, so letters become question marks.
    """
    tokens = pattern_tokens(pattern)
    return "".join("?" if token[-1].isalpha() else _escaped(token) for token in tokens)

"""From what people call a machine to the machine: id, exact name, address or tag.

An ambiguous name refuses and lists the candidates: acting on the wrong machine
is worse than asking again.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .backend import Compute, Instance, Query
from .command import Parameter
from .errors import InstanceNotFound, ValidationFailed
from .grammar import Reference

MAX_CANDIDATES = 5

_ID = re.compile(r"i-[0-9a-z-]+", re.IGNORECASE)
_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")


async def resolve(
    parameters: Sequence[Parameter], arguments: Mapping[str, Any], compute: Compute | None
) -> dict[str, Any]:
    """Return the arguments with every reference replaced by the instance it names.

    A parameter of one target gets an Instance; one of many gets a tuple, each
    instance once. Raises InstanceNotFound or, for ambiguous names,
    ValidationFailed.
    """
    resolved = dict(arguments)
    for parameter in parameters:
        if not parameter.is_target:
            continue
        value = arguments.get(parameter.name)
        if value is None or compute is None:
            continue
        if parameter.many:
            resolved[parameter.name] = await _several(compute, value)
        else:
            resolved[parameter.name] = await _one(compute, value)
    return resolved


async def _one(compute: Compute, reference: Reference) -> Instance:
    found = await _find(compute, reference.text)
    if len(found) > 1:
        raise ValidationFailed(
            f"{reference.text} is {len(found)} instances, and this takes one",
            details=f"Name one by its id: {_listed(found)}",
        )
    return found[0]


async def _several(compute: Compute, references: Iterable[Reference]) -> tuple[Instance, ...]:
    found: dict[str, Instance] = {}
    for reference in references:
        matches = await _find(compute, reference.text)
        if len(matches) > 1 and not _is_tag(reference.text):
            raise ValidationFailed(
                f"{reference.text} is the name of {len(matches)} instances",
                details=f"Name one by its id, or all by a tag: {_listed(matches)}",
            )
        found.update((instance.id, instance) for instance in matches)
    return tuple(found.values())


async def _find(compute: Compute, text: str) -> tuple[Instance, ...]:
    for query in _queries(text):
        page = await compute.list(query)
        alive = tuple(item for item in page.instances if item.state != "terminated")
        if alive:
            return alive
    raise InstanceNotFound(f"There is no instance {text}", details=await _near(compute, text))


def _queries(text: str) -> Iterable[Query]:
    if _is_tag(text):
        key, separator, value = text[4:].partition("=")
        if not key:
            raise ValidationFailed(
                f"{text} names no tag", details="Write tag:KEY=VALUE, or tag:KEY for any value"
            )
        yield Query(tags={key: (value,) if separator else ()})
        return
    if _ID.fullmatch(text):
        yield Query(ids=(text,))
    if not set("*?") & set(text):  # a wildcard here would act on more than was named
        yield Query(names=(text,))
    if _ADDRESS.fullmatch(text):
        yield Query(addresses=(text,))


def _is_tag(text: str) -> bool:
    return text.startswith("tag:")


async def _near(compute: Compute, text: str) -> str | None:
    if _ID.fullmatch(text) or _is_tag(text):
        return None
    head = text[:3].replace("*", "").replace("?", "")
    page = await compute.list(Query(names=(f"{head}*",), limit=200)) if head else None
    names = {item.name for item in page.instances if item.name} if page else set()
    near = difflib.get_close_matches(text, names, 3, 0.7)
    return f"Did you mean {' or '.join(near)}?" if near else None


def _listed(instances: Sequence[Instance]) -> str:
    shown = [f"{item.id} ({item.label}, {item.state})" for item in instances[:MAX_CANDIDATES]]
    more = len(instances) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")

"""Resolves targets: from an id, exact name, address or tag to instances.

An ambiguous name is refused, and the error lists the candidates: a change of the
wrong instance is worse than a second question.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from anyio import lowlevel

from .backend import Compute, Failure, Instance, Page, Query
from .errors import BackendUnavailable, InstanceNotFound, Refusal, ValidationFailed
from .grammar import Reference
from .nearness import near
from .parameter import Parameter
from .patterns import literal, pattern_matcher

MAX_CANDIDATES = 5

_ID = re.compile(r"i-[0-9a-z-]+", re.IGNORECASE)
_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
_WILD = frozenset("*?")
_TURN = 1000


@dataclass(frozen=True, slots=True)
class Resolved:
    """Arguments with resolved targets; ``failures`` are backends that may have more of them."""

    arguments: dict[str, Any]
    failures: tuple[Failure, ...] = ()


@dataclass(slots=True)
class _Found:
    """The instances of one reference; ``failures`` as in Resolved, none for a known id.

    ``gone`` are the instances that it named, and that are terminated.
    """

    instances: tuple[Instance, ...] = ()
    failures: dict[str, Failure] = field(default_factory=dict)
    gone: tuple[Instance, ...] = ()

    def add(self, page: Page, matching: Sequence[Instance]) -> None:
        """Take the instances of a page that match."""
        alive = tuple(item for item in matching if item.state != "terminated")
        self.instances, self.gone = alive, tuple(matching) or self.gone
        self.failures.update((item.backend, item) for item in page.failures)


async def resolve(
    parameters: Sequence[Parameter],
    arguments: Mapping[str, Any],
    compute: Compute | None,
    *,
    whole: bool = True,
) -> Resolved:
    """Return the arguments with every reference replaced by the instance it names.

    A parameter of one target gets an Instance; one of many gets a tuple, each
    instance once. With ``whole``, names and tags are not resolved while a backend
    that may have more of them is unavailable: a change must not reach only half
    of its targets.

    Raises InstanceNotFound, whose ``suggestions`` are near names; ValidationFailed
    for ambiguous names; and BackendUnavailable if an unavailable backend may have the
    target.
    """
    resolved = dict(arguments)
    failures: dict[str, Failure] = {}
    for parameter in parameters:
        if not parameter.is_target:
            continue
        value = arguments.get(parameter.name)
        if value is None or compute is None:
            continue
        references = value if parameter.many else (value,)
        found = await _all(compute, references, whole=whole, many=parameter.many)
        failures |= found.failures
        resolved[parameter.name] = found.instances if parameter.many else found.instances[0]
    return Resolved(resolved, tuple(failures.values()))


async def _all(
    compute: Compute, references: Sequence[Reference], *, whole: bool, many: bool
) -> _Found:
    every = _Found()
    instances: dict[str, Instance] = {}
    for reference, found in (await _looked_up(compute, references)).items():
        text = reference.text
        if not found.instances:
            raise await _missing(compute, text, found)
        if found.failures and whole:
            raise _perhaps_more(text, found)
        every.failures |= found.failures
        await _add(instances, found.instances)
        if len(found.instances) > 1:
            _refuse_several(text, found.instances, many=many)
    every.instances = tuple(instances.values())
    return every


def _refuse_several(text: str, found: Sequence[Instance], *, many: bool) -> None:
    """Raise ValidationFailed unless the parameter takes several, and they are named by a tag."""
    if not many:
        raise ValidationFailed(
            f"{text} is {len(found)} instances, and this takes one",
            details=f"Name one by its id: {_listed(found)}",
        )
    if not _is_tag(text):
        raise ValidationFailed(
            f"{text} is the name of {len(found)} instances",
            details=f"Name one by its id, or all by a tag: {_listed(found)}",
        )


async def _add(known: dict[str, Instance], found: Sequence[Instance]) -> None:
    """Add instances to the known ones; raises ValidationFailed if one id is two instances."""
    for number, instance in enumerate(found, 1):
        before = known.setdefault(instance.id, instance)
        if before.backend != instance.backend:
            raise ValidationFailed(
                f"Two backends have an instance {instance.id}: it is unclear which one is meant",
                details=f"It is in {before.backend} and in {instance.backend}",
            )
        if number % _TURN == 0:
            await lowlevel.checkpoint()


async def _looked_up(
    compute: Compute, references: Iterable[Reference]
) -> Mapping[Reference, _Found]:
    """Look references up: all ids by one request, then all names, then all addresses."""
    found = {reference: _Found() for reference in references}
    for reference, own in found.items():
        if _is_tag(reference.text) and not reference.by_id:
            page = await compute.list(Query(tags=_tag(reference.text)))
            own.add(page, page.instances)
    for kind in _KINDS:
        asked = {item: own for item, own in found.items() if not own.instances and kind.fits(item)}
        if asked:
            page = await compute.list(kind.query([item.text for item in asked]))
            for item, own in asked.items():
                own.add(page, kind.chosen(page.instances, item.text))
                if kind is _IDS and own.instances:
                    own.failures.clear()
    return found


async def _missing(compute: Compute, text: str, found: _Found) -> Refusal:
    if found.failures:
        what = f"{text} was not found, but not every backend could be asked"
        return _unasked(what, found.failures.values())
    ids = ", ".join(item.id for item in found.gone[:MAX_CANDIDATES])
    return await _not_found(compute, text, f"It is terminated: {ids}" if ids else "")


def _perhaps_more(text: str, found: _Found) -> BackendUnavailable:
    """Return the error that says that the known targets may not be all."""
    if _is_tag(text):
        what = f"Not every instance of {text} is known: not every backend could be asked"
        return _unasked(what, found.failures.values(), "Name instances by their ids, or try again")
    what = f"{text} may be the name of more instances: not every backend could be asked"
    return _unasked(what, found.failures.values(), f"Name it by its id: {_listed(found.instances)}")


def _unasked(
    message: str, failures: Iterable[Failure], remedy: str = "Try again"
) -> BackendUnavailable:
    failures = tuple(failures)
    wait = max((failure.error.retry_after or 0 for failure in failures), default=0)
    why = "; ".join(map(str, failures))
    return BackendUnavailable(message, details=f"{why}. {remedy}", retry_after=wait or None)


def _tag(text: str) -> Mapping[str, tuple[str, ...]]:
    key, separator, value = text[4:].partition("=")
    if not key:
        raise ValidationFailed(
            f"{text} names no tag", details="Write tag:KEY=VALUE, or tag:KEY for any value"
        )
    return {key: (literal(value),) if separator else ()}


def _is_tag(text: str) -> bool:
    return text.startswith("tag:")


class _Kind(NamedTuple):
    """What a reference may be: whether it may be one, the query for many, and what it names."""

    fits: Callable[[Reference], object]
    query: Callable[[Sequence[str]], Query]
    chosen: Callable[[Sequence[Instance], str], Sequence[Instance]]


def _with_id(instances: Sequence[Instance], text: str) -> Sequence[Instance]:
    return [item for item in instances if item.id in (text, text.lower())]


def _with_name(instances: Sequence[Instance], text: str) -> Sequence[Instance]:
    """Return those whose living name is ``text`` to the letter if there are any, else all."""
    named = pattern_matcher((literal(text),), ignore_case=True)
    found = [item for item in instances if named(item.name)]
    exact = [item for item in found if item.name == text and item.state != "terminated"]
    return exact or found


def _with_address(instances: Sequence[Instance], text: str) -> Sequence[Instance]:
    return [item for item in instances if text in (item.private_ip, item.public_ip)]


_IDS = _Kind(
    lambda item: item.by_id or _ID.fullmatch(item.text),
    lambda texts: Query(ids=tuple(dict.fromkeys(id_ for t in texts for id_ in (t, t.lower())))),
    _with_id,
)
_NAMES = _Kind(
    lambda item: not item.by_id and not _is_tag(item.text),
    lambda texts: Query(names=tuple(map(literal, texts))),  # a wildcard would match more
    _with_name,
)
_ADDRESSES = _Kind(
    lambda item: not item.by_id and _ADDRESS.fullmatch(item.text),
    lambda texts: Query(addresses=tuple(texts)),
    _with_address,
)
_KINDS = (_IDS, _NAMES, _ADDRESSES)


async def _not_found(compute: Compute, text: str, gone: str) -> InstanceNotFound:
    meant: Sequence[str] = ()
    if not gone and _WILD & set(text):
        gone = "Wildcards are not supported here; separate names with commas, or use tag:KEY=VALUE"
    elif not (gone or _ID.fullmatch(text) or _is_tag(text)):
        meant = await _near(compute, text)
    why = f"Did you mean {' or '.join(meant)}?" if meant else gone or None
    error = InstanceNotFound(f"There is no instance {text}", details=why)
    error.target, error.suggestions = text, tuple(meant)
    return error


async def _near(compute: Compute, text: str) -> Sequence[str]:
    for pattern in (f"{literal(text[:3])}*", f"*{literal(text[-3:])}"):
        query = Query(names=(pattern,), states=Query.EXISTING, limit=200)
        names = sorted({item.name for item in (await compute.list(query)).instances if item.name})
        if meant := near(text, names, 3):
            return meant
    return ()


def _listed(instances: Sequence[Instance]) -> str:
    several = len({item.backend for item in instances}) > 1
    shown = [
        f"{item.id} ({item.label}, {item.state}{f', {item.backend}' if several else ''})"
        for item in instances[:MAX_CANDIDATES]
    ]
    more = len(instances) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")

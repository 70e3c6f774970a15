"""The group of a capability that a plugin defines: every call goes to all backends."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from smartops.backend import Backend, PartialList, PartialMap

from .group import Answers, Group

JOINABLE = "a list, a tuple or a mapping"


def group_class(kind: type[Backend]) -> type[Group[Any]]:
    """Return the class of a group that asks all backends and names those that failed.

    Raises TypeError, with the reason, if results of the capability's abstract
    methods cannot be joined.
    """
    names = sorted(kind.__abstractmethods__ - {"ping"})
    for name in names:
        if not _joins(getattr(kind, name)):
            raise TypeError(f"{name} is no coroutine function that returns {JOINABLE}")
    return type(f"{kind.__name__}Group", (Group, kind), {name: _to_all(name) for name in names})


def _joins(method: Any) -> bool:
    """Whether the results of several backends can be joined."""
    if not inspect.iscoroutinefunction(method):
        return False
    hint = typing.get_type_hints(method).get("return")
    found = typing.get_origin(hint) or hint
    return isinstance(found, type) and issubclass(found, Sequence | Mapping) and found is not str


def _to_all(name: str) -> Callable[..., Awaitable[Any]]:
    async def method(self: Group[Any], *args: Any, **options: Any) -> Any:
        calls = {
            member: partial(getattr(backend, name), *args, **options)
            for member, backend in self._backends.items()
        }
        return _joined(await self._ask(calls))

    return method


def _joined(answers: Answers[Any]) -> Any:
    parts = answers.required()
    if isinstance(parts[0], Mapping):
        return PartialMap({key: part[key] for part in parts for key in part}, answers.missing)
    return PartialList((item for part in parts for item in part), answers.missing)

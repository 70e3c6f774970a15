"""What a running app takes from a configuration that was read again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from smartops.config import Settings

from .composition import Composition

RELOADED = ("people", "guests", "roles", "rules", "limits", "confirmation", "log")
"""The sections that take effect without a restart; ``limits.url`` does not."""


def merged(old: Composition, new: Composition) -> Composition:
    """Return the old composition with the people, rules and limits of the new one."""
    taken = {name: getattr(new.settings, name) for name in RELOADED}
    taken["limits"] = new.settings.limits.model_copy(update={"url": old.settings.limits.url})
    settings = old.settings.model_copy(update=taken)
    return replace(old, settings=settings, people=new.people, policy=new.policy, hash=new.hash)


def changed(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of what differs, such as ``people.bob``, never a value."""
    before, after = _children(old), _children(new)
    if old == new or not (before and after):
        yield from [path] if old != new else []
        return
    for name in {**before, **after}:
        below = f"{path}.{name}" if path else name
        yield from changed(before.get(name), after.get(name), below)


def _children(value: Any) -> Mapping[str, Any]:
    match value:
        case BaseModel():
            return {name: getattr(value, name) for name in type(value).model_fields}
        case Mapping():
            return value
        case list() | tuple():
            return {getattr(item, "name", str(at)): item for at, item in enumerate(value, 1)}
    return {}


def needing_restart(old: Composition, new: Composition) -> Iterator[str]:
    """Yield the path of each changed setting that only a restart applies."""
    for section in Settings.model_fields:
        if section not in (*RELOADED, "plugins"):
            before, after = getattr(old.settings, section), getattr(new.settings, section)
            if not isinstance(before, BaseModel) and before != after:
                yield section
            for name in getattr(type(before), "model_fields", ()):
                if getattr(before, name) != getattr(after, name):
                    yield f"{section}.{name}"
    if old.settings.limits.url != new.settings.limits.url:
        yield "limits.url"
    names = (list(old.plugins.names), old.plugins.prefixes, old.plugins.sources)
    if names != (list(new.plugins.names), new.plugins.prefixes, new.plugins.sources):
        yield "plugins"
    for name, config in new.plugins.configs.items():
        if name in old.plugins.configs and config != old.plugins.configs[name]:
            yield f"plugins.{name}"

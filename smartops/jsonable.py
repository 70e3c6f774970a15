"""The JSON form of other types, for the wire and the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1024)
def timestamp(at: datetime) -> str:
    """Return a datetime in the format of the wire contract, such as ``2024-03-20T10:30:00Z``."""
    return at.astimezone(UTC).isoformat(timespec="seconds")[:19] + "Z"


def members(value: Any) -> dict[str, Any]:
    """Return the members of a slotted dataclass by name, without the deep copy of ``asdict``."""
    return {name: getattr(value, name) for name in value.__slots__}


def jsonable(value: Any) -> Any:
    """Convert a value to a JSON type; the ``default`` function of an encoder.

    Accepts datetimes (RFC 3339, UTC), dates, timedeltas (in seconds), mappings,
    sets and dataclasses; raises TypeError for other types.
    """
    if is_dataclass(kind := type(value)):
        return {name: getattr(value, name) for name in _names(kind)}
    match value:
        case datetime():
            return timestamp(value)
        case date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Mapping():
            return dict(value)
        case set() | frozenset():
            return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


@lru_cache(maxsize=256)
def _names(kind: type[Any]) -> tuple[str, ...]:
    """Return the names of a dataclass's members."""
    return tuple(field.name for field in fields(kind))

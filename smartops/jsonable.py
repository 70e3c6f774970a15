"""What is written as JSON beyond JSON's own types: one way, for the wire and for the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any


def timestamp(at: datetime) -> str:
    """Return a moment as the wire contract writes it, such as ``2024-03-20T10:30:00Z``."""
    return at.astimezone(UTC).isoformat(timespec="seconds")[:19] + "Z"


def jsonable(value: Any) -> Any:
    """Return a value of JSON's own types: the ``default`` of an encoder.

    Takes moments (RFC 3339, UTC), dates, durations (seconds), mappings, sets
    and dataclasses; raises TypeError for anything else.
    """
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
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")

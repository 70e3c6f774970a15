"""Requests and results as JSON, by the model of the shape."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


class Unreadable(ValueError):
    """A value is not of the type that the model says."""


def dump(shape: Any, value: Mapping[str, Any]) -> bytes:
    """Return a result as JSON; raises LookupError for a member the model does not have."""
    return json.dumps({} if shape is None else _plain(shape, value)).encode()


def load(shape: Any, value: Any) -> Any:
    """Return a request with moments as datetime; members the model does not have are left out.

    Raises Unreadable.
    """
    kind = shape.type_name
    if kind == "structure" and getattr(shape, "is_document_type", False):
        return value
    if kind == "structure":
        given = _typed(shape, value, dict)
        names = {member.serialization.get("name", name): name for name, member in _members(shape)}
        return {
            names[key]: load(shape.members[names[key]], each)
            for key, each in given.items()
            if key in names and each is not None
        }
    if kind == "list":
        return [load(shape.member, each) for each in _typed(shape, value, list)]
    if kind == "map":
        return {key: load(shape.value, each) for key, each in _typed(shape, value, dict).items()}
    if kind == "timestamp":
        return _moment(shape, value)
    return _typed(shape, value, *_PYTHON[kind])


def _members(shape: Any) -> list[tuple[str, Any]]:
    return list(shape.members.items())


_PYTHON: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "blob": (str,),
}


def _typed(shape: Any, value: Any, *types: type) -> Any:
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise Unreadable(f"{type(value).__name__} can not be converted to a {shape.type_name}")
    return value


def _moment(shape: Any, value: Any) -> datetime:
    if isinstance(value, str):
        return datetime.fromisoformat(value)
    return datetime.fromtimestamp(_typed(shape, value, int, float), UTC)


def _plain(shape: Any, value: Any) -> Any:
    kind = shape.type_name
    if kind == "structure" and not getattr(shape, "is_document_type", False):
        unknown = value.keys() - shape.members.keys()
        if unknown:
            raise LookupError(f"{shape.name} has no member {min(unknown)}")
        return {
            shape.members[name].serialization.get("name", name): _plain(shape.members[name], each)
            for name, each in value.items()
            if each is not None
        }
    if kind == "list":
        return [_plain(shape.member, each) for each in value]
    if kind == "map":
        return {key: _plain(shape.value, each) for key, each in value.items()}
    if kind == "timestamp":
        return round(value.timestamp(), 3)
    return b64encode(value).decode() if kind == "blob" else value

"""The JSON schema of a command's arguments, for forms, manifests and models."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from smartops.backend import Instance
from smartops.command import Command, Parameter
from smartops.values import format_duration

from . import usage
from .bind import Reference

_TYPES: Mapping[type, Mapping[str, Any]] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    timedelta: {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(d|h|m|s|ms))+$"},
    Instance: {"type": "string", "minLength": 1},
}


def schema(command: Command) -> dict[str, Any]:
    """Return a JSON schema (draft 2020-12) of an object that holds the arguments."""
    return {
        "type": "object",
        "title": command.name,
        "description": command.summary,
        "properties": {item.name: _property(item) for item in command.parameters},
        "required": [item.name for item in command.parameters if item.required],
        "additionalProperties": False,
    }


def _property(parameter: Parameter) -> dict[str, Any]:
    if parameter.choices:
        single: dict[str, Any] = {"type": "string", "enum": list(parameter.choices)}
    else:
        single = dict(_TYPES.get(parameter.type, {"type": "string"}))
    found = {"type": "array", "items": single} if parameter.many else single
    found["description"] = usage.kind(parameter)
    if not parameter.required and parameter.default is not None:
        found["default"] = jsonable(parameter.default)
    return found


def jsonable(value: Any) -> Any:
    """Return an argument's value as JSON has it."""
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, Reference | Instance):
        return value.text if isinstance(value, Reference) else value.id
    return getattr(value, "value", value)

"""Arguments outside a text: their JSON schema, and reading them from JSON or a form."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from smartops.backend import Instance
from smartops.command import Command
from smartops.errors import ValidationFailed
from smartops.parameter import Parameter, has_parse
from smartops.values import format_duration

from . import usage
from .bind import Reference, reader

_COMMA = re.compile(r"\s*[,\n]\s*")
_TYPES: Mapping[type, Mapping[str, Any]] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    timedelta: {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(d|h|m|s|ms))+$"},
    Instance: {"type": "string", "minLength": 1},
}


def arguments_schema(command: Command) -> dict[str, Any]:
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
    return str(value) if has_parse(type(value)) else getattr(value, "value", value)


def read_arguments(command: Command, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return all arguments, typed, from an object that the schema describes.

    Lenient where nothing is lost: a number may stand in a string, and a list
    in a string with commas. Raises ValidationFailed, which names the argument.
    """
    known = {item.name: item for item in command.parameters}
    for name in document:
        if name not in known:
            has = ", ".join(known) or "none"
            raise ValidationFailed(
                f"{command.name} has no argument {str(name)[:40]!r}", details=f"It has: {has}"
            )
    return {item.name: _argument(command, item, document.get(item.name)) for item in known.values()}


def filled(
    command: Command, arguments: Mapping[str, Any], values: Mapping[str, str]
) -> dict[str, Any]:
    """Return the arguments with the values that a person wrote in a form or as an answer.

    An empty value leaves its parameter as it is, and other names are ignored.
    Raises ValidationFailed for a value that cannot be read.
    """
    found = dict(arguments)
    for item in command.parameters:
        value = values.get(item.name, "").strip()
        if not value:
            continue
        try:
            found[item.name] = _typed(item, value)
        except ValueError as error:
            raise ValidationFailed(
                f"{value[:40]!r} cannot be {item.option}", details=str(error).capitalize()
            ) from None
    return found


def dump_arguments(arguments: Mapping[str, Any]) -> str:
    """Return typed arguments as JSON for :func:`load_arguments`; instances by their ids."""
    return json.dumps({name: jsonable(value) for name, value in arguments.items()})


def load_arguments(command: Command, document: str, *, by_id: bool) -> dict[str, Any]:
    """Return the arguments that were stored; with ``by_id``, targets are ids.

    Raises ValidationFailed if the command does not take them any more.
    """
    values = json.loads(document)
    known = {item.name: item for item in command.parameters}
    missing = [item.name for item in known.values() if item.required and item.name not in values]
    if changed := [*missing, *(name for name in values if name not in known)]:
        raise ValidationFailed(
            f"{command.name} has changed", details=f"Its arguments are others: {', '.join(changed)}"
        )
    return {
        name: _restored(item, values[name], by_id=by_id) if name in values else item.default
        for name, item in known.items()
    }


def _restored(parameter: Parameter, value: Any, *, by_id: bool) -> Any:
    def read(item: Any) -> Any:
        if parameter.is_target:
            return Reference(item, by_id)
        return reader(parameter)(_word(item))

    try:
        if value is None:
            return None
        return tuple(map(read, value)) if parameter.many else read(value)
    except (TypeError, ValueError):
        raise ValidationFailed(f"{parameter.name} cannot be {value!r} any more") from None


def _argument(command: Command, parameter: Parameter, value: Any) -> Any:
    if value is None or value == []:
        if parameter.required:
            raise ValidationFailed(
                f"{command.name} needs {parameter.name}", details=_expected(parameter)
            )
        return parameter.default
    try:
        return _typed(parameter, value)
    except ValueError:
        raise ValidationFailed(
            f"That cannot be {parameter.name} of {command.name}", details=_expected(parameter)
        ) from None


def _typed(parameter: Parameter, value: Any) -> Any:
    """Return a value, or of a list all values, typed; raises ValueError."""
    read = reader(parameter)
    if not parameter.many:
        return read(_word(value))
    if isinstance(value, str):
        value = _COMMA.split(value.strip())
    return tuple(read(_word(item)) for item in (value if isinstance(value, list) else [value]))


def _expected(parameter: Parameter) -> str:
    return f"{parameter.name} must be {usage.kind(parameter)}"


def _word(value: Any) -> str:
    """Return a JSON scalar as it is written in a command; raises ValueError for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError("neither text nor number")

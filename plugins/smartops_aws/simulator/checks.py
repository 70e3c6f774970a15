"""Requests held against the constraints of the model, refused in the words of each service."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .answers import AwsError

_CODES = {"sts": "ValidationError", "cloudwatch": "ValidationError"}
_SIZED = ("string", "list", "map", "blob")
_COUNTED = ("integer", "long", "float", "double")


def check(service: str, shape: Any, params: Mapping[str, Any]) -> None:
    """Raise the AwsError of the service if something is missing or out of bounds."""
    if shape is None:
        return
    if service == "ec2":
        _check_ec2(shape, params)
        return
    problems = list(_structure(shape, params, ""))
    if problems:
        count = f"{len(problems)} validation error{'' if len(problems) == 1 else 's'} detected: "
        code = _CODES.get(service, "ValidationException")
        raise AwsError(code, count + "; ".join(problems))


def _check_ec2(shape: Any, params: Mapping[str, Any]) -> None:
    for name in shape.required_members:
        if not params.get(name):
            wire = shape.members[name].serialization.get("name", name)
            raise AwsError("MissingParameter", f"The request must contain the parameter {wire}")


def _structure(shape: Any, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in shape.required_members:
        if name not in value:
            yield _problem("null", _below(path, name), "Member must not be null")
    for name, each in value.items():
        yield from _value(shape.members[name], each, _below(path, name))


def _value(shape: Any, value: Any, path: str) -> Iterator[str]:
    kind = shape.type_name
    if getattr(shape, "is_document_type", False):
        return
    yield from _bounds(shape, value, path)
    if kind == "structure":
        yield from _structure(shape, value, path)
    elif kind == "list":
        for place, each in enumerate(value, 1):
            yield from _value(shape.member, each, f"{path}.{place}.member")
    elif kind == "map":
        for key, each in value.items():
            yield from _value(shape.value, each, f"{path}.{key}.member")
    elif kind == "string":
        yield from _text(shape, value, path)


def _bounds(shape: Any, value: Any, path: str) -> Iterator[str]:
    limits = shape.metadata
    if shape.type_name in _SIZED:
        size, what = len(value), "length"
    elif shape.type_name in _COUNTED:
        size, what = value, "value"
    else:
        return
    if "min" in limits and size < limits["min"]:
        rule = f"Member must have {what} greater than or equal to {limits['min']}"
        yield _problem(value, path, rule)
    if "max" in limits and size > limits["max"]:
        rule = f"Member must have {what} less than or equal to {limits['max']}"
        yield _problem(value, path, rule)


def _text(shape: Any, value: str, path: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        yield _problem(
            value, path, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
        )
    pattern = shape.metadata.get("pattern", "")
    if pattern and not _matches(pattern, value):
        yield _problem(value, path, f"Member must satisfy regular expression pattern: {pattern}")


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:  # the models are written for Java, which knows more than Python
        return True


def _below(path: str, name: str) -> str:
    lower = name[0].lower() + name[1:]
    return f"{path}.{lower}" if path else lower


def _problem(value: Any, path: str, rule: str) -> str:
    shown = f"Value '{value}'" if value != "null" else "Value null"
    return f"{shown} at '{path}' failed to satisfy constraint: {rule}"

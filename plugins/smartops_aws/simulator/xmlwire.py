"""Results as XML, written by the model of the shape: EC2's way, and that of query services."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from .xmltext import escape

Write = Callable[[Any, list[str]], None]


class Rendered(str):
    """The inside of an element, written before."""

    __slots__ = ()


_members: dict[int, Mapping[str, Write]] = {}
"""Writers of the members of each shape. Shapes live as long as the models, which are kept."""


def ec2_result(model: Any, value: Mapping[str, Any], request: str) -> bytes:
    """Return the answer of an EC2 operation."""
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>\n',
        f'<{model.name}Response xmlns="{model.metadata["xmlNamespace"]}">',
        f"<requestId>{request}</requestId>",
    ]
    if model.output_shape is None:
        parts.append("<return>true</return>")
    else:
        inside(model.output_shape, value, parts)
    parts.append(f"</{model.name}Response>")
    return "".join(parts).encode()


def query_result(model: Any, value: Mapping[str, Any], request: str) -> bytes:
    """Return the answer of an operation of a query service."""
    parts = [f'<{model.name}Response xmlns="{model.metadata["xmlNamespace"]}">']
    if model.output_shape is not None:
        wrapper = model.output_shape.serialization.get("resultWrapper", f"{model.name}Result")
        parts.append(f"<{wrapper}>")
        inside(model.output_shape, value, parts)
        parts.append(f"</{wrapper}>")
    parts.append(f"<ResponseMetadata><RequestId>{request}</RequestId></ResponseMetadata>")
    parts.append(f"</{model.name}Response>")
    return "".join(parts).encode()


def inside(shape: Any, value: Mapping[str, Any], parts: list[str]) -> None:
    """Write the members of a structure; raises LookupError for one the model does not have."""
    writers = _members.get(id(shape))
    if writers is None:
        writers = _members[id(shape)] = {
            name: _make(member, member.serialization.get("name", name))
            for name, member in shape.members.items()
        }
    for name, member in value.items():
        if member is not None:
            writers[name](member, parts)


def _make(shape: Any, name: str) -> Write:
    if shape.type_name == "structure":
        return _structure(shape, name)
    if shape.type_name == "list":
        return _list(shape, name)
    text = _TEXTS[shape.type_name]

    def write(value: Any, parts: list[str]) -> None:
        parts.append(f"<{name}>{text(value)}</{name}>")

    return write


def _structure(shape: Any, name: str) -> Write:
    def write(value: Any, parts: list[str]) -> None:
        parts.append(f"<{name}>")
        if isinstance(value, Rendered):
            parts.append(value)
        else:
            inside(shape, value, parts)
        parts.append(f"</{name}>")

    return write


def _list(shape: Any, name: str) -> Write:
    flat = shape.serialization.get("flattened", False)
    item = _make(shape.member, name if flat else shape.member.serialization.get("name", "member"))

    def write(value: Any, parts: list[str]) -> None:
        if not flat:
            parts.append(f"<{name}>")
        for each in value:
            item(each, parts)
        if not flat:
            parts.append(f"</{name}>")

    return write


def moment(value: datetime) -> str:
    """Return a moment the way EC2 writes it: in UTC, with milliseconds."""
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}Z"


_TEXTS: Mapping[str, Callable[[Any], str]] = {
    "string": escape,
    "boolean": lambda value: "true" if value else "false",
    "integer": str,
    "long": str,
    "float": repr,
    "double": repr,
    "timestamp": moment,
    "blob": lambda value: b64encode(value).decode(),
}

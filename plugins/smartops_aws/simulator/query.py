"""Requests as forms: ``Filter.1.Value.2=…``, read by the model of the shape."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from .answers import AwsError

Tree = dict[str, Any]
_META = ("Action", "Version")


def read(shape: Any, form: Iterable[tuple[str, str]], *, ec2: bool) -> dict[str, Any]:
    """Return the parameters of a request.

    Raises AwsError for a form that is no such request; EC2 also refuses
    parameters that it does not know, which other services ignore.
    """
    tree = _tree((key, value) for key, value in form if key not in _META)
    if shape is None:
        return {}
    known = {_name(name, member, ec2=ec2): name for name, member in shape.members.items()}
    if ec2 and not tree.keys() <= known.keys():
        unknown = min(tree.keys() - known.keys())
        raise AwsError("UnknownParameter", f"The parameter {unknown} is not recognized")
    return _structure(shape, tree, ec2=ec2)


def _tree(fields: Iterable[tuple[str, str]]) -> Tree:
    tree: Tree = {}
    for key, value in fields:
        node = tree
        *path, last = key.split(".")
        for part in path:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                raise AwsError("MalformedQueryString", f"{key} is a value and has parts")
        node[last] = value
    return tree


def _name(name: str, member: Any, *, ec2: bool) -> str:
    written = member.serialization
    if not ec2:
        return str(written.get("name", name))
    if "queryName" in written:
        return str(written["queryName"])
    given = str(written.get("name", name))
    return given[0].upper() + given[1:]


def _structure(shape: Any, tree: Tree, *, ec2: bool) -> dict[str, Any]:
    found = {}
    for name, member in shape.members.items():
        written = tree.get(_name(name, member, ec2=ec2))
        if written is not None:
            found[name] = _value(member, written, name, ec2=ec2)
    return found


def _value(shape: Any, written: Any, name: str, *, ec2: bool) -> Any:
    kind = shape.type_name
    if kind == "structure":
        return _structure(shape, _branch(written, name), ec2=ec2)
    if kind == "list":
        return _list(shape, written, name, ec2=ec2)
    if kind == "map":
        entries = _numbered(_branch(written, name).get("entry", {}), name)
        return {each["key"]: _value(shape.value, each["value"], name, ec2=ec2) for each in entries}
    try:
        return _SCALARS[kind](written)
    except (ValueError, KeyError, TypeError, AttributeError):
        code = "InvalidParameterValue" if ec2 else "ValidationError"
        message = f"Value ({written}) for parameter {name} is invalid."
        raise AwsError(code, message) from None


def _list(shape: Any, written: Any, name: str, *, ec2: bool) -> list[Any]:
    if written == "":
        return []
    branch = _branch(written, name)
    if not (ec2 or shape.serialization.get("flattened")):
        branch = _branch(branch.get(shape.member.serialization.get("name", "member"), {}), name)
    return [_value(shape.member, each, name, ec2=ec2) for each in _numbered(branch, name)]


def _numbered(branch: Tree, name: str) -> list[Any]:
    if not all(key.isdecimal() for key in branch):
        raise AwsError("MalformedQueryString", f"{name} has parts that are no numbers")
    return [branch[key] for key in sorted(branch, key=int)]


def _branch(written: Any, name: str) -> Tree:
    if not isinstance(written, dict):
        raise AwsError("MalformedQueryString", f"{name} has no parts")
    return written


def _text(written: Any) -> str:
    if not isinstance(written, str):
        raise TypeError(written)
    return written


_SCALARS: Mapping[str, Callable[[Any], Any]] = {
    "string": _text,
    "boolean": lambda written: {"true": True, "false": False}[written.lower()],
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "timestamp": datetime.fromisoformat,
    "blob": b64decode,
}

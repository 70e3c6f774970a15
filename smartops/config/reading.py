"""From nodes to the plain data that a model validates, guided by the model's JSON schema.

A text field gets the text as written (``0123``, ``1.10``, ``no``), relative paths
start at the folder of the file, unknown keys are refused whatever the model's own
setting, and values that older YAML read differently are reported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

from smartops.nearness import hint, nearest
from smartops.values import Secret, SecretUrl

from .references import within
from .schema import options
from .tree import Finding, Node, Path, Scalar, Tree

_ANY = "any"
_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
_SCALARS = frozenset({"string", "boolean", "integer", "number", _ANY})
_SECRETS = {"password": Secret, "secret-url": SecretUrl}
_TRAPS = frozenset({"yes", "no", "on", "off", "y", "n"})
_OCTAL = re.compile(r"[-+]?0[0-9_]+")

_Option = Mapping[str, Any]


class Reading:
    """Turns a part of the tree into data and collects its problems.

    ``spoilt`` holds the paths whose problems are reported already; ``secrets``
    those whose value must never be shown.
    """

    def __init__(self, tree: Tree, folder: FilePath, schema: _Option) -> None:
        self._tree = tree
        self._folder = folder
        self._schema = schema
        self.findings: list[Finding] = []
        self.spoilt: set[Path] = set()
        self.secrets: set[Path] = set()

    def data(self, node: Node, path: Path, *schemas: _Option) -> Any:
        """Return the data of ``node``, of the types that the schemas accept."""
        wanted = [option for schema in schemas for option in options(schema, self._schema)]
        if isinstance(node, Scalar):
            return self._scalar(node, wanted, path)
        if isinstance(node, dict):
            return self._mapping(node, wanted, path)
        inner = [
            item
            for option in wanted
            for item in (*option.get("prefixItems", ()), option.get("items"))
            if item is not None
        ]
        return [self.data(item, (*path, at), *inner) for at, item in enumerate(node)]

    def _mapping(self, node: dict[str, Node], wanted: list[_Option], path: Path) -> dict[str, Any]:
        known = self._known(node, wanted)
        values = _values(wanted)
        found: dict[str, Any] = {}
        for key, value in node.items():
            at = (*path, key)
            if values is None and key not in known:
                self._unknown(key, known, node, path)
            elif isinstance(value, Scalar) and value.broken:
                self.spoilt.add(at)
            else:
                found[key] = self.data(
                    value, at, *(known.get(key, ()) if values is None else values)
                )
        return found

    def _known(self, node: dict[str, Node], wanted: list[_Option]) -> dict[str, list[_Option]]:
        """Return the keys of the models that fit the mapping.

        A model does not fit if the value of a key is not among its fixed words.
        """
        models = [option["properties"] for option in wanted if "properties" in option]
        fitting = [model for model in models if self._fits(node, model)]
        found: dict[str, list[_Option]] = {}
        for model in fitting or models:
            for key, schema in model.items():
                found.setdefault(key, []).append(schema)
        return found

    def _fits(self, node: dict[str, Node], properties: Mapping[str, _Option]) -> bool:
        for key, schema in properties.items():
            value = node.get(key)
            words = _words(options(schema, self._schema))
            if words and isinstance(value, Scalar) and value.text not in words:
                return False
        return True

    def _unknown(
        self, key: str, known: Mapping[str, object], node: Mapping[str, Node], path: Path
    ) -> None:
        if word := nearest(key, [word for word in known if word not in node]):
            self.spoilt.add((*path, word))
        meant = f"did you mean {word}?" if word else hint(key, known, "the keys here are")
        self._report((*path, key), "unknown key", meant)

    def _scalar(self, node: Scalar, wanted: list[_Option], path: Path) -> Any:
        if node.broken:
            self.spoilt.add(path)
            return None
        types = _types(wanted)
        value = node.native()
        if value is None and not types & {"null", _ANY}:
            if "object" in types:
                return {}  # a section whose lines are all comments
            self._report(path, "has no value")
            return None
        formats = {option.get("format") for option in wanted if option.get("type") == "string"}
        self._check_secret(node, formats, path)
        if types & _SCALARS == {"string"}:
            if formats == {"path"} and node.text:
                return str(within(self._folder, node.text))
            if value is not None:
                return node.text
        if trap := _trap(node, value, types & _SCALARS):
            self._report(path, trap)
        return value

    def _check_secret(self, node: Scalar, formats: set[Any], path: Path) -> None:
        for name in formats & _SECRETS.keys():
            self.secrets.add(path)
            if reason := _SECRETS[name].why_refused(node.text):
                self._report(path, reason)

    def _report(self, path: Path, text: str, hint: str = "") -> None:
        self.spoilt.add(path)
        self.findings.append(Finding(self._tree.place(path), path, text, hint))


def _types(wanted: Sequence[_Option]) -> set[str]:
    """Return the allowed JSON types."""
    found = set[str]() if wanted else {_ANY}
    for option in wanted:
        types = option.get("type", ())
        values = option.get("enum", [option["const"]] if "const" in option else ())
        found |= {types} if isinstance(types, str) else set(types)
        found |= {_TYPES.get(type(value), _ANY) for value in values}
        if not (types or values):
            found.add(_ANY)
    return found


def _values(wanted: Sequence[_Option]) -> list[_Option] | None:
    """Return the schemas of a mapping's values, or None if only certain keys are allowed."""
    maps = [
        option
        for option in wanted
        if option.get("type", "object") == "object" and not option.keys() & {"properties", "enum"}
    ]
    if not maps and any("properties" in option for option in wanted):
        return None
    inner = [
        item
        for option in maps
        for item in (
            option.get("additionalProperties"),
            *option.get("patternProperties", {}).values(),
        )
    ]
    return [item for item in inner if isinstance(item, Mapping)]


def _words(wanted: Sequence[_Option]) -> set[str]:
    """Return the allowed texts, if there is a fixed set of them."""
    values = [value for item in wanted for value in (*item.get("enum", ()), item.get("const"))]
    return {value for value in values if isinstance(value, str)}


def _trap(node: Scalar, value: object, scalars: set[str]) -> str:
    """Return the problem of a value that pydantic would accept, such as yes for true."""
    if _ANY in scalars or ("string" in scalars and "number" not in scalars):
        return ""  # a decimal may be a number or a string
    if scalars == {"boolean"} and not isinstance(value, bool):
        if node.text.lower() in ("true", "false"):
            return ""
        is_word = node.text.lower() in _TRAPS and not node.is_referenced
        return "must be true or false" + (f", not {node.written.lower()}" if is_word else "")
    if scalars & {"integer", "number"}:
        if isinstance(value, bool) and "boolean" not in scalars:
            return "must be a number"
        if node.plain and _OCTAL.fullmatch(node.text):
            return "a number may not begin with 0"
    return ""

"""Nodes to the plain data a model is validated from, led by what the model wants.

Text stays text where text is wanted (``0123``, ``1.10``, ``no``), relative paths
are relative to the file, keys the model does not know are refused whatever its
own setting, and the traps of older YAML are named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

from .folder import within
from .near import hint, near
from .shape import ANYTHING, Shape, fields
from .tree import Finding, Items, Node, Pairs, Path, Scalar, place

_TRAPS = frozenset({"yes", "no", "on", "off", "y", "n"})
_OCTAL = re.compile(r"[-+]?0[0-9_]+")


class Reading:
    """Turns a part of the tree into data, and notes what is wrong with it.

    ``spoilt`` holds the paths about which enough has been said; ``secrets``
    those whose value must never be shown.
    """

    def __init__(self, root: Node, folder: FilePath) -> None:
        self._root = root
        self._folder = folder
        self.findings: list[Finding] = []
        self.spoilt: set[Path] = set()
        self.secrets: set[Path] = set()

    def data(self, node: Node, shape: Shape, path: Path) -> Any:
        """Return what ``node`` says, as the data that ``shape`` wants."""
        if isinstance(node, Scalar):
            return self._scalar(node, shape, path)
        if isinstance(node, Items):
            inner = shape.items or ANYTHING
            found = ((*path, index) for index in range(len(node.items)))
            return [self.data(item, inner, at) for item, at in zip(node.items, found, strict=True)]
        return self._pairs(node, shape, path)

    def _pairs(self, node: Pairs, shape: Shape, path: Path) -> dict[str, Any]:
        known = self._known(node, shape)
        found: dict[str, Any] = {}
        for key, value in node.values.items():
            at = (*path, key)
            inner = known.get(key) if known is not None else shape.values or ANYTHING
            if inner is None:
                self._unknown(key, known or {}, node, path)
            elif isinstance(value, Scalar) and value.broken:
                self.spoilt.add(at)
            else:
                found[key] = self.data(value, inner, at)
        return found

    def _known(self, node: Pairs, shape: Shape) -> Mapping[str, Shape] | None:
        """Return the keys that may stand in a mapping, or None if any may."""
        if not shape.models or shape.values or shape.anything:
            return None
        found: dict[str, Shape] = {}
        for model in _meant(node, shape.models):
            for key, inner in fields(model).items():
                found[key] = found[key] | inner if key in found else inner
        return found

    def _unknown(self, key: str, known: Mapping[str, Shape], node: Pairs, path: Path) -> None:
        free = [word for word in known if word not in node.values]
        word = near(key, free)
        if word:
            self.spoilt.add((*path, word))
            self._report((*path, key), "unknown key", f"did you mean {word}?")
        else:
            self._report((*path, key), "unknown key", hint(key, known, "the keys here are"))

    def _scalar(self, node: Scalar, shape: Shape, path: Path) -> Any:
        if node.broken:
            self.spoilt.add(path)
            return None
        value = node.native()
        if value is None and not (shape.none or shape.anything):
            return self._empty(shape, path)
        if shape.secrets:
            self._secret(node, shape, path)
        if shape.path and node.text:
            return str(within(self._folder, node.text))
        if shape.text_only and value is not None:
            return node.as_text()
        if trap := _trap(node, value, shape):
            self._report(path, trap)
        return value

    def _empty(self, shape: Shape, path: Path) -> Any:
        """Return what a key without a value means: an empty section, else nothing at all."""
        if shape.mapping:
            return {}
        self._report(path, "has no value")
        return None

    def _secret(self, node: Scalar, shape: Shape, path: Path) -> None:
        self.secrets.add(path)
        for kind in shape.secrets:
            if reason := kind.why_refused(node.as_text()):
                self._report(path, reason)

    def _report(self, path: Path, text: str, hint: str = "") -> None:
        self.spoilt.add(path)
        self.findings.append(Finding(place(self._root, path), path, text, hint))


def _trap(node: Scalar, value: object, shape: Shape) -> str:
    """Return what is wrong with a value that pydantic would accept too readily."""
    if shape.anything or str in shape.scalars:
        return ""
    if shape.scalars == {bool} and not isinstance(value, bool):
        if node.text.lower() in ("true", "false"):
            return ""
        instead = f", not {node.written.lower()}" if node.text.lower() in _TRAPS else ""
        return f"must be true or false{instead}" if not node.references else "must be true or false"
    if shape.scalars & {int, float}:
        if isinstance(value, bool) and bool not in shape.scalars:
            return "must be a number"
        if node.plain and _OCTAL.fullmatch(node.text):
            return "a number may not begin with 0"
    return ""


def _meant(node: Pairs, models: tuple[type, ...]) -> tuple[type, ...]:
    """Return the models a mapping can be meant as, judging by fields that take few words only."""
    if len(models) == 1:
        return models
    fitting = tuple(model for model in models if _fits(node, fields(model)))
    return fitting or models


def _fits(node: Pairs, known: Mapping[str, Shape]) -> bool:
    for key, shape in known.items():
        value = node.values.get(key)
        if shape.words and isinstance(value, Scalar) and value.text not in shape.words:
            return False
    return True

"""A configuration file as dictionaries and lists of scalars, with marks by path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from smartops.errors import Problem
from smartops.values import Referenced

Path = tuple[str | int, ...]
"""Keys and indices from the root to a node."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A position in the file, counted from 1; ``line`` is 0 for a value of the command line."""

    line: int = 0
    column: int = 0


@dataclass(slots=True)
class Scalar:
    """One value: ``written`` in the file, and ``text`` with its references expanded.

    ``text`` is a :class:`Referenced` if there are any. ``plain`` is false inside
    quotes. ``hidden`` holds texts from outside the file that must not be shown.
    ``broken`` means that a problem with the value is already reported.
    """

    mark: Mark
    written: str
    plain: bool = True
    text: str = ""
    hidden: tuple[str, ...] = ()
    broken: bool = False

    def __post_init__(self) -> None:
        self.text = self.text or self.written

    @property
    def is_referenced(self) -> bool:
        """Whether the text comes, at least in part, from a reference."""
        return isinstance(self.text, Referenced)

    def native(self) -> object:
        """Return what the text means in YAML 1.2, save for octal and other traps: those stay text.

        Only ``true`` and ``false`` are booleans; ``yes``, ``12:30`` and
        ``2024-01-01`` are text, and so is anything in quotes.
        """
        if not self.plain or (self.is_referenced and not self.text):
            return self.text
        return _resolve(self.text)

    @property
    def shown(self) -> str:
        """The value as it may be shown."""
        return self.written if self.hidden else self.text


Node = Scalar | list["Node"] | dict[str, "Node"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem with its place and path."""

    mark: Mark
    path: Path
    text: str
    hint: str = ""

    def problem(self, file: str) -> Problem:
        """Return it as a problem of the file."""
        place = f"{file}:{self.mark.line}:{self.mark.column}" if self.mark.line else "command line"
        path = ".".join(map(str, self.path))
        return Problem(self.text, where=place, path=path, hint=self.hint)


@dataclass(slots=True)
class Tree:
    """A file: its root node, and the place of each key and list item."""

    root: Node
    marks: dict[Path, Mark] = field(default_factory=dict)

    def place(self, path: Path) -> Mark:
        """Return the place of a key or item, or of the nearest one that contains it."""
        while path and path not in self.marks:
            path = path[:-1]
        return self.marks.get(path, Mark(1, 1))


_WORDS: dict[str, bool | None] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})", re.ASCII)
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})?(\.[0-9]{0,20})?([eE][-+]?[0-9]{1,2})?", re.ASCII)


def _resolve(text: str) -> object:
    """Return the null, boolean or number that plain ``text`` stands for, else the text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and any(map(str.isdigit, text)):
        return float(text)
    return text


def is_empty(node: Node | None) -> bool:
    """Whether there is no value, as when every line of a section is a comment."""
    return node is None or (isinstance(node, Scalar) and node.native() is None)


def child(node: Node | None, *path: str | int) -> Node | None:
    """Return what stands at ``path`` below a node, or None."""
    for part in path:
        if isinstance(node, dict):
            node = node.get(str(part))
        elif isinstance(node, list) and isinstance(part, int) and 0 <= part < len(node):
            node = node[part]
        else:
            return None
    return node


def keys(node: Node | None) -> tuple[str, ...]:
    """Return the keys of a mapping; anything else has none."""
    return tuple(node) if isinstance(node, dict) else ()


def find(node: Node | None, *pattern: str) -> Iterator[tuple[Path, Node]]:
    """Yield every node on ``pattern``; ``*`` stands for any key or index."""
    if node is None:
        return
    if not pattern:
        yield (), node
        return
    first, rest = pattern[0], pattern[1:]
    parts = range(len(node)) if isinstance(node, list) else keys(node)
    for part in parts if first == "*" else (first,):
        for path, found in find(child(node, part), *rest):
            yield (part, *path), found


def scalars(node: Node) -> Iterator[Scalar]:
    """Yield every value within a node."""
    if isinstance(node, Scalar):
        yield node
        return
    for inner in node.values() if isinstance(node, dict) else node:
        yield from scalars(inner)


def named_scalars(node: Node, name: str = "") -> Iterator[tuple[str, Scalar]]:
    """Yield every value within a node with the nearest key above it."""
    if isinstance(node, Scalar):
        yield name, node
    elif isinstance(node, dict):
        for key, inner in node.items():
            yield from named_scalars(inner, key)
    else:
        for inner in node:
            yield from named_scalars(inner, name)


def texts(node: Node | None, *pattern: str) -> Iterator[tuple[Path, Scalar]]:
    """Yield the usable values on a pattern."""
    for path, found in find(node, *pattern):
        if isinstance(found, Scalar) and found.text and not found.broken:
            yield path, found


def listed(node: Node | None, *pattern: str) -> Iterator[tuple[Path, Scalar]]:
    """Yield the usable values of the lists on a pattern; a lone value is a list of one."""
    yield from texts(node, *pattern)
    yield from texts(node, *pattern, "*")

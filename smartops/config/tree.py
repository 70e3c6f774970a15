"""What a configuration file says, and where: a tree of nodes that know their place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from smartops.errors import Problem
from smartops.values import Referenced

Path = tuple[str | int, ...]
"""The way from the root to a node: keys and indices."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place, counted from 1; ``line`` is 0 for what the command line says."""

    line: int = 0
    column: int = 0


@dataclass(slots=True)
class Scalar:
    """One value. ``text`` is as it reads once references are expanded, ``written`` as it stands.

    ``plain`` is false inside quotes. ``hidden`` holds what came from outside
    the file and must not be shown. ``broken`` says that a problem with it is
    already known.
    """

    mark: Mark
    written: str
    plain: bool = True
    text: str = ""
    hidden: tuple[str, ...] = ()
    references: bool = False
    bare: bool = True
    broken: bool = False

    def __post_init__(self) -> None:
        self.text = self.text or self.written

    def as_text(self) -> str:
        """Return the text, marked as referenced where a secret may depend on it."""
        if self.references:
            return Referenced.of(self.text, self.written, bare=self.bare)
        return self.text

    def native(self) -> object:
        """Return what the text means in YAML 1.2, save for octal and other traps: those stay text.

        Only ``true`` and ``false`` are booleans; ``yes``, ``12:30`` and
        ``2024-01-01`` are text, and so is anything in quotes.
        """
        if not self.plain or (self.references and not self.text):
            return self.as_text()
        return resolve(self.text, self.as_text())


@dataclass(slots=True)
class Items:
    """A list."""

    mark: Mark
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Pairs:
    """A mapping; ``keys`` holds where each key stands."""

    mark: Mark
    values: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, Mark] = field(default_factory=dict)


Node = Scalar | Items | Pairs


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem before it is a line of text."""

    mark: Mark
    path: Path
    text: str
    hint: str = ""

    def problem(self, file: str) -> Problem:
        """Return it as one line for people."""
        place = f"{file}:{self.mark.line}:{self.mark.column}" if self.mark.line else "command line"
        return Problem(self.text, where=place, path=dotted(self.path), hint=self.hint)


def dotted(path: Path) -> str:
    """Return a path as people write it."""
    return ".".join(map(str, path))


_WORDS: dict[str, bool | None] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})", re.ASCII)
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})?(\.[0-9]{0,20})?([eE][-+]?[0-9]{1,2})?", re.ASCII)


def resolve(text: str, otherwise: object) -> object:
    """Return the null, boolean or number that plain ``text`` stands for, else ``otherwise``."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and any(map(str.isdigit, text)):
        return float(text)
    return otherwise


def child(node: Node | None, part: str | int) -> Node | None:
    """Return what stands under ``part``, or None."""
    if isinstance(node, Pairs):
        return node.values.get(str(part))
    if isinstance(node, Items) and isinstance(part, int) and 0 <= part < len(node.items):
        return node.items[part]
    return None


def find(node: Node | None, *pattern: str) -> Iterator[tuple[Path, Node]]:
    """Yield every node on ``pattern``; ``*`` stands for any key or index."""
    if node is None:
        return
    if not pattern:
        yield (), node
        return
    first, rest = pattern[0], pattern[1:]
    for part in _parts(node) if first == "*" else (first,):
        for path, found in find(child(node, part), *rest):
            yield (part, *path), found


def _parts(node: Node) -> tuple[str | int, ...]:
    if isinstance(node, Pairs):
        return tuple(node.values)
    return tuple(range(len(node.items))) if isinstance(node, Items) else ()


def place(root: Node, path: Path) -> Mark:
    """Return where ``path`` stands: its key, its item, or the nearest thing around it."""
    mark, node = root.mark, root
    for part in path:
        if isinstance(node, Pairs) and part in node.keys:
            mark = node.keys[str(part)]
        inner = child(node, part)
        if inner is None:
            return mark
        if isinstance(node, Items):
            mark = inner.mark
        node = inner
    return mark


def scalars(node: Node) -> Iterator[Scalar]:
    """Yield every value within a node."""
    if isinstance(node, Scalar):
        yield node
        return
    for inner in node.values.values() if isinstance(node, Pairs) else node.items:
        yield from scalars(inner)

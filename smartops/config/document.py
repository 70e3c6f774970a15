"""A configuration file, and how it fills the models of the core and of plugins."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import TypeVar

from pydantic import BaseModel

from smartops.command import Command
from smartops.contained import Caught
from smartops.errors import Problem, StartupError
from smartops.values import is_secret_name

from .checks import check
from .fill import fill
from .references import References
from .rules import unknown_places, unmet
from .schema import RESERVED, schema_of
from .settings import Settings
from .tree import (
    Finding,
    Mark,
    Node,
    Path,
    Scalar,
    Tree,
    child,
    is_empty,
    keys,
    named_scalars,
)
from .yaml import LARGEST, Unreadable, parse

_Model = TypeVar("_Model", bound=BaseModel)


def read(
    path: FilePath | str,
    *,
    overrides: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Document:
    """Read a configuration file.

    ``overrides`` are values of the command line by dotted path; ``environ``
    replaces the environment. Raises StartupError if the file cannot be read at
    all; other problems are raised when sections are filled.
    """
    path = FilePath(path)
    findings: list[Finding] = []
    references = References(os.environ if environ is None else environ, path.absolute().parent)
    text = _text(path)
    try:
        tree = parse(text, references, findings)
    except Unreadable as error:
        finding = error.finding
    else:
        if is_empty(tree.root):
            tree.root = {}
        if isinstance(tree.root, dict):
            for dotted, value in (overrides or {}).items():
                _override(tree, tuple(dotted.split(".")), value)
            return Document(path, tree, findings, hashlib.sha256(text.encode()).hexdigest())
        finding = Finding(tree.place(()), (), "must be a mapping, such as server: {port: 3978}")
    raise StartupError(*_problems(str(path), [*findings, finding]))


def in_file_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return problems in the order of the file; those without a place in it come last."""

    def place_of(problem: Problem) -> tuple[int, int, int]:
        match = re.search(r":(\d+):(\d+)$", problem.where)
        if match:
            return 1, int(match[1]), int(match[2])
        return (0 if problem.where == "command line" else 2), 0, 0

    return tuple(sorted(problems, key=place_of))


def _text(path: FilePath) -> str:
    reason = hint = ""
    try:
        with path.open("rb") as file:
            return file.read(4 * LARGEST + 1).decode()
    except UnicodeDecodeError as error:
        reason = f"is not text in UTF-8 (byte {error.start + 1})"
    except FileNotFoundError:
        reason, hint = "there is no such file", "name one with --config"
    except (OSError, ValueError) as error:
        reason = f"cannot be read: {(getattr(error, 'strerror', '') or 'not a path').lower()}"
    raise StartupError(Problem(reason, where=str(path), hint=hint))


def _problems(file: str, findings: Iterable[Finding]) -> tuple[Problem, ...]:
    found = sorted(findings, key=lambda item: (item.mark.line, item.mark.column))
    return tuple(dict.fromkeys(item.problem(file) for item in found))


_PREFIX = re.compile(r"\w[\w.-]*( \w[\w.-]*)*")


class Document:
    """A configuration file. Its repr shows no value; ``hash`` is the SHA-256 of its text."""

    def __init__(self, path: FilePath, tree: Tree, findings: Iterable[Finding], hash: str) -> None:
        self.path = path
        self.hash = hash
        self._tree = tree
        assert isinstance(tree.root, dict)
        self._root = tree.root
        self._findings = list(findings)
        self._folder = path.absolute().parent
        self._wrong: list[Finding] = []
        self._reserved = {name: self._taken(name) for name in keys(self._root.get("plugins"))}

    def __repr__(self) -> str:
        return f"Document({str(self.path)!r})"

    def settings(self, later: list[Problem] | None = None) -> Settings:
        """Return the core's sections; raises StartupError with all problems in them.

        With ``later``, problems between values that are valid by themselves are added
        to it instead.
        """
        findings = [item for item in self._findings if item.path[:1] != ("plugins",)]
        findings += self._wrong
        core: dict[str, Node] = {"store": {}, **self._root}  # the store's default needs the folder
        if isinstance(core.get("plugins"), dict):
            core["plugins"] = {}
        filled = fill(Settings, Tree(core, self._tree.marks), (), self._folder, findings)
        apart = list(check(self._tree))
        if findings or filled is None or (apart and later is None):
            raise StartupError(*_problems(str(self.path), [*findings, *apart]))
        if later is not None:
            later += _problems(str(self.path), apart)
        return filled

    def plugins(self) -> dict[str, str]:
        """Return the names of the plugins to load, in order, each with its ``file:line:column``."""
        names = keys(child(self._tree.root, "plugins"))
        marks = {name: self._tree.marks["plugins", name] for name in names}
        return {name: f"{self.path}:{mark.line}:{mark.column}" for name, mark in marks.items()}

    def reserved(self, key: str) -> dict[str, str]:
        """Return the values of a RESERVED key, by the names of the plugins that have it."""
        return {name: own[key] for name, own in self._reserved.items() if key in own}

    def _taken(self, name: str) -> dict[str, str]:
        """Return the reserved keys of a plugin, and remove them from its section."""
        found: dict[str, str] = {}
        node = child(self._root, "plugins", name)
        if not isinstance(node, dict):
            return found
        for key in RESERVED:
            value = node.pop(key, None)
            path: Path = ("plugins", name, key)
            if isinstance(value, Scalar) and _PREFIX.fullmatch(value.text):
                found[key] = value.text
            elif value is not None:
                text = "must be words of letters, digits, dots, - and _"
                self._wrong.append(Finding(self._tree.place(path), path, text))
        return found

    def plugin(self, name: str, model: type[_Model] | None) -> _Model | None:
        """Return a plugin's section as its model, or None if it has none.

        Raises StartupError with all problems of the section. Unknown keys are
        refused whatever the model's own setting, and all keys if there is no model.
        """
        path: Path = ("plugins", name)
        findings = [item for item in self._findings if item.path[:2] == path]
        filled = None
        if model is None:
            findings += _no_settings(self._tree, path)
        else:
            findings += [
                Finding(self._tree.place(path), path, f"the plugin's key {key} is SmartOps' own")
                for key in set(RESERVED).intersection(schema_of(model).get("properties", ()))
            ]
            with Caught() as caught:  # a plugin's validators may raise anything
                filled = fill(model, self._tree, path, self._folder, findings)
            if caught.error is not None:
                text = f"the plugin's {model.__name__} failed with {type(caught.error).__name__}"
                hint = "its validators must raise ValueError for a bad value"
                findings.append(Finding(self._tree.place(path), path, text, hint))
        if findings or (model is not None and filled is None):
            raise StartupError(*_problems(str(self.path), findings))
        return filled

    def placed(self, problem: Problem) -> Problem:
        """Return a problem of a plugin, or of a path, with its place in the file."""
        if problem.path and not problem.where:
            return self.problem(problem.path, problem.text, problem.hint)
        owner = re.match(r"plugins? (\S+)", problem.where)
        place = self.plugins().get(owner[1]) if owner else None
        if place is None:
            return problem
        return replace(
            problem, where=place, path=": ".join(filter(None, (problem.where, problem.path)))
        )

    def literal_secrets(self) -> Iterator[Problem]:
        """Yield texts in the sections of plugins whose keys are called like secrets."""
        for name, node in named_scalars(child(self._root, "plugins") or {}):
            if is_secret_name(name) and not node.is_referenced and isinstance(node.native(), str):
                text = f"{name} looks like a secret; use ${{NAME}} or ${{file:PATH}}"
                yield Problem(text, f"{self.path}:{node.mark.line}:{node.mark.column}")

    def secrets(self) -> Iterator[str]:
        """Yield values from outside the file that are secrets by their source or their name.

        Those of files are; those of the environment if the key is called ``password``,
        for example. Fields of the type Secret are not looked at.
        """
        for name, node in named_scalars(self._root):
            if "${file:" in node.written or is_secret_name(name):
                yield from node.hidden

    def unmet(
        self,
        commands: Sequence[Command],
        channels: Sequence[str],
        posting: Sequence[str] | None = None,
    ) -> tuple[Problem, ...]:
        """Return what is wrong with rules, given all commands and the names of all channels.

        ``posting`` are the channels that can post in places; all if None.
        """
        found = [*unmet(self._tree, commands, channels)]
        found += unknown_places(self._tree, channels, channels if posting is None else posting)
        return _problems(str(self.path), found)

    def problem(self, path: str, text: str, hint: str = "") -> Problem:
        """Return a problem with the value at a dotted path, with its place in the file."""
        parts: Path = tuple(int(part) if part.isdigit() else part for part in path.split("."))
        return Finding(self._tree.place(parts), parts, text, hint).problem(str(self.path))


def _no_settings(tree: Tree, path: Path) -> list[Finding]:
    """Return a problem for each key in the section of a plugin without settings."""
    node = child(tree.root, *path)
    inner = [(*path, key) for key in keys(node)]
    if not isinstance(node, dict) and not is_empty(node):
        inner = [path]
    return [Finding(tree.place(at), at, "this plugin has no settings") for at in inner]


def _override(tree: Tree, path: tuple[str, ...], value: object) -> None:
    """Replace the value at a path by that of the command line."""
    node: Node = tree.root
    for end, part in enumerate(path[:-1], 1):
        if not isinstance(node, dict):
            return
        inner = node.get(part)
        if inner is None or is_empty(inner):
            inner = node[part] = {}
            tree.marks.setdefault(path[:end], Mark())
        node = inner
    if isinstance(node, dict):
        node[path[-1]] = Scalar(Mark(), str(value))
        tree.marks[path] = Mark()

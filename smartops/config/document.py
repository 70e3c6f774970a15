"""A configuration file that has been read, ready to fill the models of core and plugins."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import TypeVar

from pydantic import BaseModel

from smartops.command import Command
from smartops.errors import Problem, StartupError

from .checks import check
from .expand import Expander
from .fill import fill
from .folder import FOLDER
from .rules import unmet
from .settings import File, Settings
from .shape import Shape
from .tree import Finding, Mark, Node, Pairs, Path, Scalar, child, place
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
    stands in for the environment. Raises StartupError if the file cannot be
    read at all; what else is wrong with it comes up when sections are filled.
    """
    path = FilePath(path)
    findings: list[Finding] = []
    text = _text(path)
    try:
        root = parse(text, findings)
    except Unreadable as error:
        finding = error.finding
    else:
        if isinstance(root, Scalar) and root.native() is None:
            root = Pairs(root.mark)
        if isinstance(root, Pairs):
            return Document(path, root, findings, overrides or {}, environ)
        finding = Finding(root.mark, (), "must be a mapping, such as server: {port: 3978}")
    raise StartupError(*_problems(str(path), [*findings, finding]))


def in_file_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return problems in the order of the file; those of no place in it come last."""

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


class Document:
    """What one configuration file says. Its repr shows no value."""

    def __init__(
        self,
        path: FilePath,
        root: Pairs,
        findings: Iterable[Finding],
        overrides: Mapping[str, object],
        environ: Mapping[str, str] | None,
    ) -> None:
        self.path = path
        self._root = root
        self._findings = list(findings)
        self._context = {FOLDER: path.absolute().parent}
        expander = Expander(
            os.environ if environ is None else environ, self._context[FOLDER], self._findings
        )
        expander.expand(root)
        for dotted, value in overrides.items():
            _override(root, tuple(dotted.split(".")), value)

    def __repr__(self) -> str:
        return f"Document({str(self.path)!r})"

    def settings(self, later: list[Problem] | None = None) -> Settings:
        """Return the core's sections; raises StartupError with all that is wrong in them.

        With ``later``, values that are good by themselves and do not fit together
        raise nothing: these problems are added to it.
        """
        findings = [item for item in self._findings if item.path[:1] != ("plugins",)]
        values = {key: value for key, value in self._root.values.items() if key != "plugins"}
        values.setdefault("store", Pairs(self._root.mark))
        core = Pairs(self._root.mark, values, self._root.keys)
        shape = Shape(models=(File,))
        filled = fill(
            Settings,
            core,
            (),
            root=core,
            context=self._context,
            findings=findings,
            shape=shape,
        )
        findings += self._unlisted()
        apart = list(check(self._root))
        if findings or filled is None or (apart and later is None):
            raise StartupError(*_problems(str(self.path), [*findings, *apart]))
        if later is not None:
            later += _problems(str(self.path), apart)
        return filled

    def plugins(self) -> dict[str, str]:
        """Return the names of the plugins to load, in order, each with its ``file:line:column``."""
        node = child(self._root, "plugins")
        names = node.keys if isinstance(node, Pairs) else {}
        return {name: f"{self.path}:{mark.line}:{mark.column}" for name, mark in names.items()}

    def plugin(self, name: str, model: type[_Model] | None) -> _Model | None:
        """Return a plugin's section as its model, or None if it has none.

        Raises StartupError with all that is wrong in the section. Keys the
        model does not know are refused whatever its own setting, and so is
        any key where there is no model.
        """
        path: Path = ("plugins", name)
        findings = [item for item in self._findings if item.path[:2] == path]
        node = child(child(self._root, "plugins"), name) or Pairs(self._root.mark)
        filled = None
        if model is None:
            findings += _no_settings(node, path, self._root)
        else:
            filled = self._filled(model, node, path, findings)
        if findings or (model is not None and filled is None):
            raise StartupError(*_problems(str(self.path), findings))
        return filled

    def _filled(
        self, model: type[_Model], node: Node, path: Path, findings: list[Finding]
    ) -> _Model | None:
        try:
            return fill(
                model, node, path, root=self._root, context=self._context, findings=findings
            )
        except Exception as error:  # noqa: BLE001 - a plugin's validators may raise anything
            text = f"the plugin's {model.__name__} failed with {type(error).__name__}"
            hint = "its validators must raise ValueError for a bad value"
            findings.append(Finding(place(self._root, path), path, text, hint))
            return None

    def _unlisted(self) -> list[Finding]:
        node = child(self._root, "plugins")
        if node is None or isinstance(node, Pairs):
            return []
        if isinstance(node, Scalar) and node.native() is None:
            return []
        mark = place(self._root, ("plugins",))
        text = "must be a mapping of plugin names to their settings, such as api: {}"
        return [Finding(mark, ("plugins",), text)]

    def unmet(self, commands: Sequence[Command], channels: Iterable[str]) -> tuple[Problem, ...]:
        """Return what is wrong with rules, given all commands and the names of all channels."""
        return _problems(str(self.path), unmet(self._root, commands, channels))

    def problem(self, path: str, text: str, hint: str = "") -> Problem:
        """Return a problem with the value at a dotted path, with its place in the file."""
        parts: Path = tuple(int(part) if part.isdigit() else part for part in path.split("."))
        return Finding(place(self._root, parts), parts, text, hint).problem(str(self.path))

    def in_order(self, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        """Return problems in the order of the file; those of no place in it come last."""
        return in_file_order(problems)


def _no_settings(node: Node, path: Path, root: Node) -> list[Finding]:
    """Return what stands in the section of a plugin that has no settings."""
    if isinstance(node, Pairs):
        inner = [(*path, key) for key in node.values]
    else:
        inner = [] if isinstance(node, Scalar) and node.native() is None else [path]
    return [Finding(place(root, at), at, "this plugin has no settings") for at in inner]


def _override(root: Pairs, path: tuple[str, ...], value: object) -> None:
    """Let the value at a path be what the command line says."""
    node: Node = root
    for part in path[:-1]:
        if not isinstance(node, Pairs):
            return
        inner = node.values.get(part)
        if inner is None or (isinstance(inner, Scalar) and inner.native() is None):
            inner = Pairs(Mark())
            node.values[part] = inner
            node.keys.setdefault(part, Mark())
        node = inner
    if isinstance(node, Pairs):
        node.values[path[-1]] = Scalar(Mark(), str(value))
        node.keys[path[-1]] = Mark()

"""YAML text to a tree with marks, with references expanded and duplicate keys reported.

It uses the parser's events, not its constructors: tags, anchors, aliases and deep
nesting are refused before they can create objects or use up memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from .references import References
from .tree import Finding, Mark, Node, Path, Scalar, Tree

LARGEST = 1_000_000
"""The largest file, in characters."""

_DEEPEST = 40
_UNREADABLE = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Unreadable(Exception):
    """The rest of the text cannot be read; has one finding."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.text)
        self.finding = finding


def parse(text: str, references: References, findings: list[Finding]) -> Tree:
    """Return the tree of a YAML text; other problems are added to ``findings``.

    Raises Unreadable.
    """
    text = text.removeprefix("\ufeff")
    if len(text) > LARGEST:
        raise Unreadable(Finding(Mark(1, 1), (), "is larger than a configuration file may be"))
    if stray := _UNREADABLE.search(text):
        mark = Mark(text.count("\n", 0, stray.start()) + 1, _column(text, stray.start()))
        what = f"the character U+{ord(stray[0]):04X} is not allowed in a YAML file"
        raise Unreadable(Finding(mark, (), what))
    reader = _Reader(text, references, findings)
    try:
        return reader.document()
    except yaml.MarkedYAMLError as error:
        problem = error.problem or "", error.problem_mark or error.context_mark
    raise Unreadable(_syntax(*problem, text))


def _column(text: str, index: int) -> int:
    return index - (text.rfind("\n", 0, index) + 1) + 1


_SYNTAX = {
    "mapping values are not allowed": "unexpected colon; check the indentation, or quote the value",
    "cannot start any token": "invalid character (a tab?); indent with spaces, or quote the value",
    "did not find expected key": "a key was expected; check the indentation",
    "expected <block end>": "a key was expected; check the indentation",
    "did not find expected '-' indicator": "a list item was expected; check the indentation",
    "could not find expected ':'": "a colon was expected after the key",
    "expected ',' or ']'": "a list in [brackets] is not closed",
    "expected ',' or '}'": "a mapping in {braces} is not closed",
    "unexpected end of stream": "quotes or brackets are not closed",
}


def _syntax(problem: str, mark: Any, text: str) -> Finding:
    place = Mark(mark.line + 1, mark.column + 1) if mark else Mark(1, 1)
    line = (text.splitlines()[place.line - 1 :] or [""])[0]
    if "${" in line[: place.column] and ("," in problem or "expected" in problem):
        return Finding(place, (), "inside {braces} and [brackets], ${NAME} must be in quotes")
    for fragment, what in _SYNTAX.items():
        if fragment in problem:
            return Finding(place, (), what)
    return Finding(place, (), f"not valid YAML: {problem or 'unreadable'}")


class _Reader:
    """Makes a tree of the events of one text."""

    def __init__(self, text: str, references: References, findings: list[Finding]) -> None:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self._events: Iterator[Any] = yaml.parse(text, Loader=loader)
        self._references = references
        self._findings = findings
        self._marks: dict[Path, Mark] = {}

    def document(self) -> Tree:
        root: Node = {}
        for event in self._events:
            if isinstance(event, yaml.NodeEvent):
                if self._marks:
                    text = "a second document begins here; one is allowed"
                    raise Unreadable(Finding(_mark(event), (), text))
                self._marks[()] = _mark(event)
                root = self._value(event, ())
        return Tree(root, self._marks)

    def _value(self, event: Any, path: Path) -> Node:
        """Return the node that an event begins, with its references expanded."""
        node = self._node(event, path)
        if isinstance(node, Scalar) and "${" in node.written:
            for problem in self._references.expand(node):
                self._report(node.mark, path, problem)
        return node

    def _node(self, event: Any, path: Path) -> Node:
        mark, broken = _mark(event), Scalar(_mark(event), "", broken=True)
        is_alias = isinstance(event, yaml.AliasEvent)
        node = broken if is_alias else self._content(event, mark, path)
        if is_alias or event.anchor:
            self._report(mark, path, "anchors and aliases are not allowed; write the value out")
        elif event.tag and event.tag != "!":
            self._report(mark, path, "tags such as !!str are not allowed; use quotes for text")
        else:
            return node
        return broken

    def _content(self, event: Any, mark: Mark, path: Path) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            if event.implicit[0] or not _SURROGATE.search(event.value):
                return Scalar(mark, event.value, plain=event.implicit[0])
            self._report(mark, path, "an escape is half a character")
            return Scalar(mark, "", plain=False, broken=True)
        if len(path) >= _DEEPEST:
            raise Unreadable(Finding(mark, (), "is nested too deeply"))
        is_list = isinstance(event, yaml.SequenceStartEvent)
        return self._list(path) if is_list else self._mapping(path)

    def _list(self, path: Path) -> list[Node]:
        items: list[Node] = []
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            at = (*path, len(items))
            self._marks.setdefault(at, _mark(event))
            items.append(self._value(event, at))
        return items

    def _mapping(self, path: Path) -> dict[str, Node]:
        pairs: dict[str, Node] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key, mark = self._node(event, path), _mark(event)
            name = key.text if isinstance(key, Scalar) else ""
            at = (*path, name)
            value = self._value(next(self._events), at)
            if not isinstance(key, Scalar):
                self._report(mark, path, "a key must be plain text")
            elif name in pairs:
                first = self._marks[at].line
                self._report(mark, at, f"given twice; first in line {first}")
            elif not key.broken:
                self._marks.setdefault(at, mark)
                pairs[name] = value
        return pairs

    def _report(self, mark: Mark, path: Path, text: str) -> None:
        self._findings.append(Finding(mark, path, text))


def _mark(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)

"""References in values: ``${NAME}``, ``${NAME:-default}``, ``${file:PATH}``; ``$${`` is literal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path as FilePath

from .folder import within
from .tree import Finding, Node, Path, Scalar, find

_LARGEST = 64 * 1024
_REFERENCE = re.compile(
    r"""
    \$\$\{                                                 # an escaped brace: literal text
    | \$\{ (?P<name>[A-Za-z_][A-Za-z0-9_]*) (?: :- (?P<default>[^{}]*) )? \}
    | \$\{ file: (?P<file>[^{}]+) \}
    | \$\{                                                 # anything else that looks like one
    """,
    re.VERBOSE | re.ASCII,
)


class _Missing(Exception):
    """A reference leads nowhere; the text says which and why, never what it holds."""


class Expander:
    """Fills in the references of a tree; what fails is reported and marked as broken."""

    def __init__(
        self, environ: Mapping[str, str], folder: FilePath, findings: list[Finding]
    ) -> None:
        self._environ = environ
        self._folder = folder
        self._findings = findings

    def expand(self, root: Node, path: Path = ()) -> None:
        """Expand every value within ``root``, in place."""
        if isinstance(root, Scalar):
            if "${" in root.written and not root.broken:
                self._scalar(root, path)
            return
        for inner, node in find(root, "*"):
            self.expand(node, (*path, *inner))

    def _scalar(self, node: Scalar, path: Path) -> None:
        parts: list[str] = []
        end = 0
        for match in _REFERENCE.finditer(node.written):
            parts.append(node.written[end : match.start()])
            end = match.end()
            if match[0] == "$${":
                parts.append("${")
                continue
            try:
                value, inside = self._value(match)
            except _Missing as missing:
                self._findings.append(Finding(node.mark, path, str(missing)))
                node.broken = True
                continue
            node.references = True
            node.bare = node.bare and not (inside and value)
            if value and not inside:
                node.hidden += (value,)
            parts.append(value)
        node.text = "".join((*parts, node.written[end:]))

    def _value(self, match: re.Match[str]) -> tuple[str, bool]:
        """Return what a reference stands for, and whether that stands in the file itself."""
        if match["file"]:
            return self._file(match["file"].strip()), False
        name, default = match["name"], match["default"]
        if name is None:
            raise _Missing(
                "a reference must be ${NAME}, ${NAME:-default} or ${file:PATH}; "
                "write $${ for a literal ${"
            )
        value = self._environ.get(name)
        if default is not None and not value:
            return default, True
        if value is None:
            raise _Missing(f"the environment variable {name} is not set")
        return value, False

    def _file(self, name: str) -> str:
        path = within(self._folder, name)
        try:
            with path.open("rb") as file:
                content = file.read(_LARGEST + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not a path"
            raise _Missing(f"cannot read {path}: {reason.lower()}") from None
        if len(content) > _LARGEST:
            raise _Missing(f"{path} is larger than 64 KiB")
        try:
            return content.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise _Missing(f"{path} is not text in UTF-8") from None

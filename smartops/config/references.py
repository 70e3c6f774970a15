"""References in values: ``${NAME}``, ``${NAME:-default}``, ``${file:PATH}``; ``$${`` is literal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from smartops.values import Referenced

from .tree import Scalar

FOLDER = "smartops.folder"
"""Key of pydantic's validation context that holds the folder of the file."""

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
    """A reference has no value; the text names it and the reason."""


def within(folder: Path, written: str | Path) -> Path:
    """Return a path relative to ``folder``; ``~`` is a home folder if there is such a user."""
    path = Path(written)
    try:
        path = path.expanduser()
    except RuntimeError:
        return folder / path
    return folder / path


@dataclass(frozen=True, slots=True)
class References:
    """Expands references to the environment and to files relative to a folder."""

    environ: Mapping[str, str]
    folder: Path

    def expand(self, node: Scalar) -> list[str]:
        """Expand the references of a value; return their problems."""
        problems: list[str] = []
        parts: list[str] = []
        end = 0
        is_referenced, bare = False, True
        for match in _REFERENCE.finditer(node.written):
            parts.append(node.written[end : match.start()])
            end = match.end()
            if match[0] == "$${":
                parts.append("${")
                continue
            try:
                value, is_default = self._value(match)
            except _Missing as missing:
                problems.append(str(missing))
                continue
            is_referenced = True
            bare = bare and not (is_default and value)
            if value and not is_default:
                node.hidden += (value,)
            parts.append(value)
        node.text = "".join((*parts, node.written[end:]))
        if is_referenced:
            node.text = Referenced.of(node.text, node.written, bare=bare)
        node.broken = bool(problems)
        return problems

    def _value(self, match: re.Match[str]) -> tuple[str, bool]:
        """Return the value of a reference, and whether it is the default in the file."""
        if match["file"]:
            return self._file(match["file"].strip()), False
        name, default = match["name"], match["default"]
        if name is None:
            raise _Missing(
                "a reference must be ${NAME}, ${NAME:-default} or ${file:PATH}; "
                "write $${ for a literal ${"
            )
        value = self.environ.get(name)
        if default is not None and not value:
            return default, True
        if value is None:
            raise _Missing(f"the environment variable {name} is not set")
        return value, False

    def _file(self, name: str) -> str:
        path = within(self.folder, name)
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

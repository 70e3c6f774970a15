"""Matching scripts: exact text, or a template with placeholders for single words.

Values reach a shell. So, whatever an entry's regular expression allows, a value
contains no shell metacharacters, does not begin like an option, and has no ``..``
in a path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

MAX_VALUE = 256
DEFAULT = r"[A-Za-z0-9_][A-Za-z0-9_.@:-]*"
"""The default regular expression of a placeholder."""

_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_PLAIN = re.compile(r"[A-Za-z0-9_.,:/@%+=-]+", re.ASCII)
_LEGEND = "letters, digits and _ . , : / @ % + = -"


class Template:
    """A matcher for scripts. Raises ValueError if the text cannot be used safely."""

    __slots__ = ("_rules", "_shape", "text")

    def __init__(self, text: str, parameters: Mapping[str, str] | None) -> None:
        self.text = text
        self._rules: dict[str, re.Pattern[str]] = {}
        self._shape: re.Pattern[str] | None = None
        if "\0" in text:
            raise ValueError("a script may not hold NUL characters")
        if parameters is not None:
            self._shape = _shape(text)
            self._rules = _rules(tuple(self._shape.groupindex), parameters)

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The names of the placeholders, in order."""
        return tuple(self._rules)

    def match(self, text: str) -> bool:
        """Return whether ``text`` matches and its values are allowed."""
        return self.objection(text) == ""

    def objection(self, text: str) -> str | None:
        """Return why a value in ``text`` is refused, else an empty string; None for no match."""
        if self._shape is None:
            return "" if text == self.text else None
        found = self._shape.fullmatch(text)
        if found is None:
            return None
        for name, value in found.groupdict().items():
            wrong = self._wrong(name, value)
            if wrong:
                return f"{name}: {wrong}"
        return "the path may not climb with .." if self._climbs(text) else ""

    def _climbs(self, text: str) -> bool:
        """Return whether a word with a placeholder has ``..`` as a component of a path.

        The whole word is tested: ``/var/log/.{name}`` climbs if name is ``./x``.
        """
        pairs = zip(self.text.split(), text.split(), strict=True)
        filled = (word for pattern, word in pairs if _PLACEHOLDER.search(pattern))
        return any(".." in re.split(r"[^A-Za-z0-9_.-]", word) for word in filled)

    def _wrong(self, name: str, value: str) -> str:
        if len(value) > MAX_VALUE:
            return f"is longer than {MAX_VALUE} characters"
        if not _PLAIN.fullmatch(value):
            return f"may hold only {_LEGEND}"
        if value.startswith("-"):
            return "may not begin with a dash, which would make it an option"
        if not self._rules[name].fullmatch(value):
            return f"must match {self._rules[name].pattern}"
        return ""


def _shape(text: str) -> re.Pattern[str]:
    """Return the regular expression that captures the values; each is a word or part of one."""
    words = text.split()
    for word in words:
        if len(_PLACEHOLDER.findall(word)) > 1:
            raise ValueError(f"{word!r} has two placeholders in one word; keep them apart")
        if "${" in word and _PLACEHOLDER.search(word):
            raise ValueError(f"{word!r} would be a shell variable; use script: for exact text")
    names = _PLACEHOLDER.findall(text)
    if not names:
        raise ValueError("a template needs a {placeholder}; use script: for exact text")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ValueError(f"placeholder {{{twice}}} appears twice")
    if _PLACEHOLDER.search(words[0]):
        raise ValueError("the first word may not be a placeholder: it chooses what is run")
    parts = _PLACEHOLDER.split(text)
    expression = "".join(
        rf"(?P<{part}>\S+)" if index % 2 else re.escape(part) for index, part in enumerate(parts)
    )
    return re.compile(expression)


def _rules(names: tuple[str, ...], given: Mapping[str, str]) -> dict[str, re.Pattern[str]]:
    stray = sorted(set(given) - set(names))
    if stray:
        raise ValueError(f"parameters: {stray[0]} is no placeholder of the template")
    rules = {}
    for name in names:
        try:
            rules[name] = re.compile(given.get(name, DEFAULT), re.ASCII)
        except re.error as error:
            raise ValueError(f"parameters: {name} is no regular expression: {error}") from None
    return rules

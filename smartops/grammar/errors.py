"""Parse errors. Each points at the place in the text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smartops.command import Command
from smartops.errors import ValidationFailed
from smartops.parameter import Parameter
from smartops.render import width

Place = tuple[int, int]

_BEFORE, _AFTER, _LONGEST = 48, 24, 40


class ParseError(ValidationFailed):
    """The text cannot be parsed.

    ``place`` is where, as offsets into the text that was parsed; ``excerpt``
    the text round it with carets below (two lines, for a monospaced font), or
    empty; ``hint`` what to write instead, in full sentences. ``details`` is
    both. ``command`` is the command the text was taken for, if any. ``suggestions``
    are texts of commands that may have been meant, best first.
    """

    def __init__(
        self,
        message: str,
        *,
        text: str = "",
        place: Place | None = None,
        hint: str = "",
        command: Command | None = None,
        suggestions: tuple[str, ...] = (),
    ) -> None:
        self.suggestions = suggestions
        self.place = place
        self.excerpt = point(text, place) if place else ""
        self.hint = hint
        self.command = command
        super().__init__(message, details="\n".join(filter(None, (self.excerpt, hint))) or None)


class OptionWithoutValue(ParseError):
    """The text ends after the option of ``parameter``, or another option follows."""

    def __init__(self, message: str, *, parameter: Parameter, **where: Any) -> None:
        super().__init__(message, **where)
        self.parameter = parameter


class UnknownCommand(ParseError):
    """No phrase of any command matches the whole text."""


class MissingArguments(ParseError):
    """The command is known, and some of its arguments are missing.

    ``wanted`` is that command, ``missing`` its parameters still to be given,
    ``arguments`` what is bound already, so that a form or a question can ask
    for the rest.
    """

    def __init__(
        self,
        message: str,
        *,
        command: Command,
        missing: tuple[Parameter, ...],
        arguments: Mapping[str, Any],
        **where: Any,
    ) -> None:
        super().__init__(message, command=command, **where)
        self.wanted = command
        self.missing = missing
        self.arguments = dict(arguments)


class NotPermitted(ParseError):
    """The text is faulty, and names a command that the sender may never run.

    It does not describe the fault, as that would show the command's usage.
    ``forbidden``, the command, lets the gate answer with the rule that forbids it.
    """

    def __init__(self, message: str, *, command: Command) -> None:
        super().__init__(message, command=command)
        self.forbidden = command


def point(text: str, place: Place) -> str:
    """Return the line of ``text`` that holds ``place``, with carets below the place."""
    start, end = place
    top = text.rfind("\n", 0, start) + 1
    bottom = text.find("\n", start)
    bottom = len(text) if bottom < 0 else bottom
    left = max(top, start - _BEFORE)
    right = min(bottom, start + _LONGEST + _AFTER)
    lead = "…" if left > top else ""
    tail = "…" if right < bottom else ""
    line = visible(text[left:right])
    marked = text[start : min(end, right, start + _LONGEST)]
    carets = "^" * max(1, width(marked))
    indent = " " * (len(lead) + width(text[left:start]))
    return f"{lead}{line}{tail}\n{indent}{carets}"


def visible(text: str) -> str:
    """Replace invisible characters by spaces, so that carets are aligned."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else " " for letter in text)

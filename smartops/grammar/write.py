"""Canonical text: what parses back to exactly the same command and arguments."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Set
from datetime import timedelta
from enum import Enum
from typing import Any

from smartops.backend import Instance
from smartops.command import Parameter
from smartops.values import format_duration, parse_duration

from .bind import Reference
from .index import Entry, key
from .phrases import Form, Slot, Word

_SAFE = re.compile(r"(?!--)[A-Za-z0-9_./:@%+*?=-]+")


def write(entry: Entry, arguments: Mapping[str, Any], literals: Set[str]) -> str:
    """Return the canonical text of a command with these arguments.

    ``literals`` are the literal words of all commands: an argument that is one
    of them is quoted. Raises ValueError if a value cannot be written.
    """
    values = _values_of(entry, arguments)
    given = {name for name, value in values.items() if _differs(value, entry.blank[name])}
    form = _form(entry, values, given)
    written: list[str] = []
    options = {name: value for name, value in values.items() if name in given}
    for part in form.parts:
        if isinstance(part, Word):
            written.append(part.text)
        elif values[part.parameter.name] != ():
            value = options.pop(part.parameter.name, values[part.parameter.name])
            swallows = part.greedy and part is form.parts[-1] and options
            written.append(_positional(part, value, entry, literals, quote=bool(swallows)))
    written.extend(_option(entry.options[key(name)], value) for name, value in options.items())
    return " ".join(written)


def _values_of(entry: Entry, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return every argument that has a value, defaults included."""
    values: dict[str, Any] = {}
    for name, default in entry.blank.items():
        value = arguments.get(name, default)
        if value is not None:
            values[name] = tuple(value) if isinstance(value, list) else value
        elif default is not None:
            raise ValueError(f"{entry.command.name}: {name} cannot be None")
    for parameter in entry.required:
        if parameter.name not in values:
            raise ValueError(f"{entry.command.name}: {parameter.name} is missing")
    return values


def _differs(value: Any, default: Any) -> bool:
    return value != default or type(value) is not type(default)


def _form(entry: Entry, values: Mapping[str, Any], given: Set[str]) -> Form:
    """Choose the form that says most of what is given in words, and least of what is not."""
    fitting: list[tuple[int, int, Form]] = []
    for form in entry.forms:
        names = {slot.parameter.name for slot in form.slots}
        if names <= values.keys():
            fitting.append((len(names - given), -len(names & given), form))
    if not fitting:
        raise ValueError(f"{entry.command.name}: no phrase can say this")
    return min(fitting, key=lambda item: item[:2])[2]


def _values(parameter: Parameter, value: Any) -> list[str]:
    items = value if parameter.many else (value,)
    return [_text(parameter, item) for item in items]


def _text(parameter: Parameter, value: Any) -> str:
    if isinstance(value, Instance):
        return value.id
    if isinstance(value, Reference):
        return value.text
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    writer = _WRITERS.get(type(value))
    if writer is None:
        raise ValueError(f"{parameter.name}: a {type(value).__name__} cannot be written")
    return writer(value)


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be written")
    return repr(value)


def _duration(value: timedelta) -> str:
    text = format_duration(value)
    if parse_duration(text) != value:
        raise ValueError(f"the duration {value} cannot be written")
    return text


_WRITERS: Mapping[type, Callable[[Any], str]] = {
    str: str,
    int: str,
    float: _float,
    timedelta: _duration,
}


def _positional(slot: Slot, value: Any, entry: Entry, literals: Set[str], *, quote: bool) -> str:
    def word(text: str) -> str:
        name, equals, _ = text.partition("=")
        taken = text.casefold() in literals or (equals and key(name) in entry.bare)
        return quoted(text) if quote or taken else plain(text)

    return ",".join(map(word, _values(slot.parameter, value)))


def _option(parameter: Parameter, value: Any) -> str:
    if parameter.type is bool and not parameter.many:
        return f"--{parameter.option}" if value else f"--no-{parameter.option}"
    values = _values(parameter, value)
    if not values:
        return f"--{parameter.option}="
    return f"--{parameter.option} {','.join(map(plain, values))}"


def plain(text: str) -> str:
    """Return a value as a word, in quotes only where it needs them."""
    return text if _SAFE.fullmatch(text) else quoted(text)


def quoted(text: str) -> str:
    """Return a value in quotes that read back as this value, to the character."""
    if '"' not in text and not text.endswith("\\"):
        return f'"{text}"'
    if "'" not in text:
        return f"'{text}'"
    if not text.endswith("\\"):
        return '"' + text.replace('"', '\\"') + '"'
    return "'" + text.replace("'", "''") + "'"

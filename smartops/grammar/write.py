"""Canonical text: it parses to exactly the same command and arguments."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Set
from datetime import timedelta
from enum import Enum
from typing import Any

from smartops.backend import Instance
from smartops.command import Command
from smartops.parameter import Parameter, has_parse
from smartops.values import format_duration

from .bind import Reference
from .index import Entry, key
from .phrases import Form, Literals, Slot, Word

_DAYS = 36_500
_SAFE = re.compile(r"(?!--)[A-Za-z0-9_./:@%+*?=-]+")


def write(entry: Entry, arguments: Mapping[str, Any], literals: Literals) -> str:
    """Return the canonical text of a command with these arguments.

    An argument that reads like one of the ``literals`` of all commands is
    quoted. Raises ValueError if a value cannot be written.
    """
    values = _values_of(entry, arguments)
    given = {name for name, value in values.items() if _differs(value, entry.blank[name])}
    form = _form(entry, values, given)
    written: list[str] = []
    options = {name: value for name, value in values.items() if name in given}
    for part in form.parts:
        if isinstance(part, Word):
            written.append(part.text)
            continue
        value = options.pop(part.parameter.name, values[part.parameter.name])
        if value == ():
            written.append(_option(part.parameter, value))
        else:
            swallows = part.greedy and part is form.parts[-1] and options
            written.append(_positional(part, value, entry, literals, quote=bool(swallows)))
    written.extend(_option(entry.options[key(name)], value) for name, value in options.items())
    return " ".join(written)


def incomplete(command: Command, arguments: Mapping[str, Any]) -> str:
    """Return the text of an incomplete call: the name, and its arguments as options.

    Parsing it raises MissingArguments that hold these arguments.
    """
    given = (
        (parameter, arguments[parameter.name])
        for parameter in command.parameters
        if parameter.name in arguments
    )
    options = (
        _option(parameter, value)
        for parameter, value in given
        if parameter.required or _differs(value, parameter.default)
    )
    return " ".join((command.name, *options))


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
    """Choose the form with the most given arguments and the fewest others."""
    fitting = [
        (len(names - given), -len(names & given), not form.prefixed, index)
        for index, (names, form) in enumerate(entry.ways)
        if names <= values.keys() and (not form.prefixed or _takes(form, values))
    ]
    if not fitting:
        raise ValueError(f"{entry.command.name}: no phrase can say this")
    return entry.ways[min(fitting)[3] if len(fitting) > 1 else fitting[0][3]][1]


def _takes(form: Form, values: Mapping[str, Any]) -> bool:
    """Return whether the value of a prefixed slot has the prefix and needs no quotes."""
    wanted = ((slot, values[slot.parameter.name]) for slot in form.slots if slot.prefix)
    return all(slot.takes(value) and _SAFE.fullmatch(value) for slot, value in wanted)


def _values(parameter: Parameter, value: Any) -> list[str]:
    items = value if parameter.many else (value,)
    return [_text(parameter, item) for item in items]


def _text(parameter: Parameter, value: Any) -> str:
    writer = _WRITERS.get(type(value))
    if writer is not None:
        return writer(value)
    if isinstance(value, Enum):
        return str(value.value)
    if has_parse(type(value)):
        return str(value)
    raise ValueError(f"{parameter.name}: a {type(value).__name__} cannot be written")


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be written")
    return repr(value)


def _duration(value: timedelta) -> str:
    if not 0 <= value.days < _DAYS:
        raise ValueError(f"the duration {value} cannot be written")
    return format_duration(value)


_WRITERS: Mapping[type, Callable[[Any], str]] = {
    str: lambda value: value,
    int: str,
    float: _float,
    bool: lambda value: "true" if value else "false",
    timedelta: _duration,
    Reference: lambda value: value.text,
    Instance: lambda value: value.id,
}


def _positional(slot: Slot, value: Any, entry: Entry, literals: Literals, *, quote: bool) -> str:
    words: list[str] = []
    for text in _values(slot.parameter, value):
        taken = quote or (not slot.prefix and literals.claim(text)) or _is_bare_option(text, entry)
        words.append(quoted(text) if taken else plain(text))
    return ",".join(words)


def _is_bare_option(text: str, entry: Entry) -> bool:
    return bool(entry.bare) and "=" in text and key(text.partition("=")[0]) in entry.bare


def _option(parameter: Parameter, value: Any) -> str:
    if parameter.is_flag:
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

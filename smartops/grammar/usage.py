"""How commands and arguments are written in usage lines and help."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from enum import Enum
from typing import Any

from smartops.backend import Instance
from smartops.command import Command
from smartops.parameter import Parameter, has_parse
from smartops.values import format_duration

from .phrases import Form, Part, Word

_SLOT = re.compile(r"\{(\w+)(?:\.\.\.)?\}")
_KINDS: dict[type, tuple[str, str]] = {
    str: ("text", "texts"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    bool: ("yes or no", "yes or no"),
    timedelta: ("a duration such as 30s, 5m or 1h30m", "durations such as 30s, 5m or 1h30m"),
    Instance: (
        "the name or id of an instance, or tag:KEY=VALUE",
        "names or ids of instances, or tag:KEY=VALUE",
    ),
}


def metavar(parameter: Parameter) -> str:
    """Return the word that stands for an argument in usage lines."""
    return parameter.name.upper().replace("_", "-")


def kind(parameter: Parameter) -> str:
    """Return the words for an argument's type, to follow "takes" or "must be"."""
    if parameter.choices:
        return f"{'any' if parameter.many else 'one'} of {', '.join(parameter.choices)}"
    one, several = _KINDS.get(parameter.type) or _own_kind(parameter.type)
    return f"{several}, with commas between" if parameter.many else one


def _own_kind(kind: type) -> tuple[str, str]:
    """Return the first line of the docstring of a plugin's type."""
    first = (kind.__doc__ or "").partition("\n")[0].rstrip(".")
    if not has_parse(kind) or not first or first.startswith(f"{kind.__name__}("):
        return "text", "texts"
    return (f"{first[0].lower()}{first[1:]}",) * 2


def phrase(command: Command, text: str) -> str:
    """Return a phrase as a usage line: ``check health [TARGET]``."""
    names = {parameter.name: metavar(parameter) for parameter in command.parameters}
    return _SLOT.sub(lambda found: names.get(found[1], found[1].upper()), text)


def parts(items: Sequence[Part]) -> str:
    """Return parts of a form as a usage line."""
    return " ".join(
        item.text if isinstance(item, Word) else f"{item.prefix}{metavar(item.parameter)}"
        for item in items
    )


def option(parameter: Parameter) -> str:
    """Return an option as a usage line: ``--state running|stopped``."""
    name = f"--{parameter.option}"
    if parameter.is_flag:
        return f"--no-{parameter.option}" if parameter.default is True else name
    value = "|".join(parameter.choices) if 0 < len(parameter.choices) <= 6 else metavar(parameter)
    return f"{name} {value}{',…' if parameter.many else ''}"


def options(command: Command) -> tuple[Parameter, ...]:
    """Return the parameters that stand in no phrase."""
    placed = {name for text in command.phrases for name in _SLOT.findall(text)}
    return tuple(item for item in command.parameters if item.name not in placed)


def form(item: Form) -> str:
    """Return the usage line of one form with the options it needs."""
    needed = [option(p) for p in options(item.command) if p.required]
    return " ".join([parts(item.parts), *needed])


def full(command: Command, text: str) -> str:
    """Return the usage line of a phrase with every option."""
    words = [phrase(command, text)]
    words.extend(
        option(item) if item.required else f"[{option(item)}]" for item in options(command)
    )
    return " ".join(words)


def value(item: Any) -> str:
    """Return an argument's value as people write it."""
    if isinstance(item, bool):
        return "yes" if item else "no"
    if isinstance(item, timedelta):
        return format_duration(item)
    if isinstance(item, Enum):
        return str(item.value)
    if isinstance(item, list | tuple):
        return ", ".join(map(value, item))
    return "" if item is None else str(item)

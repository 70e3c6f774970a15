"""Readers that turn words into typed values, one for each parameter, made at start."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

from smartops.backend import Instance
from smartops.parameter import Parameter, has_parse
from smartops.values import parse_duration

Reader = Callable[[str], Any]
"""Returns the value of a word, or raises ValueError."""

_INT = re.compile(r"[+-]?[0-9]{1,18}")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_BOOLS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True)
class Reference:
    """How a person named a target: ``web-1``, ``i-0abc``, ``tag:Role=web``.

    The gate resolves it against the backends. With ``by_id`` the text is the id of
    an instance and nothing else.
    """

    text: str
    by_id: bool = False

    def __str__(self) -> str:
        return self.text


def reader(parameter: Parameter) -> Reader:
    """Return the function that reads one value of ``parameter``."""
    if parameter.choices:
        return _choice(parameter)
    kind: Any = parameter.type
    return kind.parse if has_parse(kind) else _READERS[kind]


def _choice(parameter: Parameter) -> Reader:
    values: dict[str, Any] = dict(zip(parameter.choices, parameter.choices, strict=True))
    if issubclass(parameter.type, Enum):
        values = {str(member.value): member for member in parameter.type}
    by_word = {word.casefold(): value for word, value in values.items()} | values

    def read(text: str) -> Any:
        found = by_word.get(text)
        if found is None:
            found = by_word.get(text.casefold())
        if found is None:
            raise ValueError(f"none of the choices: {text[:40]!r}")
        return found

    return read


def _int(text: str) -> int:
    if not _INT.fullmatch(text):
        raise ValueError("no whole number, or one of more than 18 digits")
    return int(text)


def _float(text: str) -> float:
    if len(text) > 400 or not _FLOAT.fullmatch(text):
        raise ValueError("no number")
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("too large a number")
    return number


def _bool(text: str) -> bool:
    found = _BOOLS.get(text.casefold())
    if found is None:
        raise ValueError("neither yes nor no")
    return found


def _reference(text: str) -> Reference:
    if not text.strip():
        raise ValueError("an empty name")
    return Reference(text)


_READERS: Mapping[type, Reader] = {
    str: str,
    int: _int,
    float: _float,
    bool: _bool,
    timedelta: parse_duration,
    Instance: _reference,
}

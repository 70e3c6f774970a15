"""Texts for the errors of pydantic. They never contain the input."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from smartops.values import format_duration

_BY_TEXT: Mapping[str, str] = {
    "is missing": "missing union_tag_not_found",
    "unknown key": "extra_forbidden",
    "must be true or false": "bool_parsing bool_type",
    "must be a whole number": "int_type int_parsing int_from_float",
    "is too large a number": "int_parsing_size",
    "must be a number": "float_type float_parsing decimal_type decimal_parsing",
    "must be text": "string_type bytes_type",
    "must be a list": "list_type tuple_type set_type frozen_set_type iterable_type",
    "must be a mapping of keys to values": "dict_type mapping_type",
    "must be a section of keys and values": "model_type model_attributes_type dataclass_type "
    "dataclass_exact_type",
    "must be a date such as 2026-01-31": "date_type date_parsing date_from_datetime_parsing",
    "must be a duration": "time_delta_type time_delta_parsing",
    "must be a URL": "url_type url_parsing",
}
_FIXED = {kind: text for text, kinds in _BY_TEXT.items() for kind in kinds.split()}


def _number(value: Any) -> str:
    """Return a bound; pydantic hands durations over as their repr, or in words."""
    text = str(value)
    if text.startswith("datetime.timedelta("):
        found = re.findall(r"(\w+)=(-?\d+)", text)
    elif re.fullmatch(r"\d+ [a-z]+( and \d+ [a-z]+)*", text):
        found = [(f"{unit}s", number) for number, unit in re.findall(r"(\d+) ([a-z]+?)s?\b", text)]
    else:
        return text
    return format_duration(timedelta(**{unit: int(number) for unit, number in found}))


def _words(text: str) -> list[str]:
    """Return the words pydantic lists as ``'a', 'b' or 1``."""
    found = re.findall(r"'([^']*)'|([^\s,']+)", text)
    return [quoted or bare for quoted, bare in found if bare != "or"]


def choice(words: list[str]) -> str:
    """Return ``a, b or c``."""
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else "".join(words)


def _one_of(listed: object) -> str:
    return f"must be {choice(_words(str(listed)))}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


_BY_CONTEXT: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "greater_than": lambda c: f"must be more than {_number(c['gt'])}",
    "greater_than_equal": lambda c: f"must be at least {_number(c['ge'])}",
    "less_than": lambda c: f"must be less than {_number(c['lt'])}",
    "less_than_equal": lambda c: f"must be at most {_number(c['le'])}",
    "multiple_of": lambda c: f"must be a multiple of {_number(c['multiple_of'])}",
    "literal_error": lambda c: _one_of(c["expected"]),
    "enum": lambda c: _one_of(c["expected"]),
    "string_too_short": lambda c: (
        "must not be empty"
        if c["min_length"] == 1
        else f"must have at least {_count(c['min_length'], 'character')}"
    ),
    "string_too_long": lambda c: f"must have at most {_count(c['max_length'], 'character')}",
    "string_pattern_mismatch": lambda c: f"must match {c['pattern']}",
    "too_short": lambda c: (
        "must not be empty"
        if c["min_length"] == 1
        else f"must have at least {_count(c['min_length'], 'item')}"
    ),
    "too_long": lambda c: f"must have at most {_count(c['max_length'], 'item')}",
    "url_scheme": lambda c: (
        f"must be a URL that begins with {choice(_words(c['expected_schemes']))}"
    ),
    "union_tag_invalid": lambda c: _one_of(c["expected_tags"]),
    "value_error": lambda c: _own(str(c["error"])),
    "assertion_error": lambda c: _own(str(c["error"])),
}


def _own(text: str) -> str:
    """Return the text of a model's author, as part of a line."""
    line = " ".join(text.split()).rstrip(".")
    return line or "is not accepted"


def words_of(error: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the allowed words, if the error is a wrong choice."""
    context = error.get("ctx") or {}
    if error["type"] not in ("literal_error", "enum", "union_tag_invalid"):
        return ()
    return tuple(_words(str(context.get("expected") or context.get("expected_tags") or "")))


def authored(error: Mapping[str, Any]) -> bool:
    """Whether the text was written by a model's author, who may have put the value into it."""
    kind = error["type"]
    ours = kind == "smartops" or kind in _FIXED or kind in _BY_CONTEXT
    return kind in ("value_error", "assertion_error") or not ours


def wording(error: Mapping[str, Any]) -> str:
    """Return one of pydantic's errors as part of a line."""
    kind, context = error["type"], error.get("ctx") or {}
    if kind in _FIXED:
        return _FIXED[kind]
    if kind in _BY_CONTEXT:
        return _BY_CONTEXT[kind](context)
    text = str(error["msg"]).removeprefix("Value error, ")
    if text.startswith("Input should "):
        return _own(text.replace("Input should", "must", 1))
    return _own(text if text != error["msg"] else text[:1].lower() + text[1:]) if text else kind

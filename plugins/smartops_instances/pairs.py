"""Parsing tags written as ``KEY=VALUE``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from smartops import ValidationFailed

MAX_KEY = 128
MAX_VALUE = 256


def tag_filter(written: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Return the tag filter for ``KEY=VALUE`` (this value) and ``KEY`` (any value).

    Values of one key are alternatives. Raises ValidationFailed if a key is empty.
    """
    wanted: dict[str, tuple[str, ...]] = {}
    anything: set[str] = set()
    for text in written:
        key, separator, value = text.partition("=")
        _check_key(key, text)
        if not separator:
            anything.add(key)
        wanted[key] = (*wanted.get(key, ()), value)
    return {key: () if key in anything else values for key, values in wanted.items()}


def assignments(written: Iterable[str]) -> Mapping[str, str]:
    """Return the tags that ``KEY=VALUE`` texts set.

    Raises ValidationFailed if a text has no ``=``, is too long, contains control
    characters, has whitespace around its key or value, or if a key has two values.
    """
    put: dict[str, str] = {}
    for text in written:
        key, separator, value = text.partition("=")
        if not separator:
            raise ValidationFailed(
                f"{text!r} sets no value",
                details="Write KEY=VALUE, in quotes if it holds blanks or commas",
            )
        _check_key(key, text)
        if (key, value) != (key.strip(), value.strip()):
            raise ValidationFailed(
                f"{text!r} has blanks around its key or value", details="Write KEY=VALUE"
            )
        if len(value) > MAX_VALUE or not (value.isprintable()):
            raise ValidationFailed(
                f"The value of tag {key} cannot be set",
                details=f"A value has at most {MAX_VALUE} printable characters",
            )
        if put.setdefault(key, value) != value:
            raise ValidationFailed(f"Tag {key} is given two values")
    return put


def checked_keys(written: Iterable[str]) -> tuple[str, ...]:
    """Return the keys without duplicates; raises ValidationFailed if one is invalid."""
    keys = tuple(dict.fromkeys(written))
    for key in keys:
        if "=" in key:
            raise ValidationFailed(
                f"{key!r} is not a tag key", details="Write only the key, without a value"
            )
        _check_key(key, key)
    return keys


def _check_key(key: str, text: str) -> None:
    if not key.strip():
        raise ValidationFailed(f"{text!r} names no tag", details="Write KEY=VALUE")
    if len(key) > MAX_KEY or not key.isprintable():
        raise ValidationFailed(
            "A tag key cannot be used",
            details=f"A key has at most {MAX_KEY} printable characters",
        )

"""Patterns of a Query: ``*`` and ``?`` are wildcards, and a backslash makes a character literal."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence


def pattern_tokens(pattern: str) -> Sequence[str]:
    r"""Return ``*`` and ``?`` (the wildcards) as they are, and other characters after a ``\``."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    return [part if part in ("*", "?") else f"\\{part[-1]}" for part in parts]


def pattern_matcher(patterns: Iterable[str], *, ignore_case: bool = False) -> Callable[[str], bool]:
    """Return a function that tells whether a text matches one of the patterns of a Query."""
    wild = {"*": ".*", "?": "."}
    texts = (
        "".join(wild.get(token) or re.escape(token[1]) for token in pattern_tokens(pattern))
        for pattern in patterns
    )
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else re.NOFLAG)
    compiled = re.compile("|".join(texts), flags)
    return lambda text: compiled.fullmatch(text) is not None


def literal(text: str) -> str:
    """Return the pattern that matches nothing but ``text``."""
    return re.sub(r"([*?\\])", r"\\\1", text)

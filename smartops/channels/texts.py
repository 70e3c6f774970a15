"""Text that people type, and text on its way into a message."""

from __future__ import annotations

import re
import unicodedata

from smartops.command import Command
from smartops.render import clean

_LINE_ENDS = re.compile(r"\r\n?|[\u0085\u2028\u2029]")
# No-break spaces become spaces. What has no width or turns the direction is removed, but for the
# two joiners (200c, 200d), which scripts and emoji need.
_RESIDUE = str.maketrans(
    {
        **dict.fromkeys("\u00a0\u2007\u202f", " "),
        **dict.fromkeys("\u00ad\u200b\u200e\u200f\u2060\ufeff", None),
        **{chr(code): None for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))},
    }
)
_PLACEHOLDER = re.compile(r"\{(\w+)[^}]*\}")
_EMPHASIS = re.compile(r"([*_]{1,2})([^\W_].*[^\W_][\"')]?)\1", re.DOTALL)


def without_residue(text: str) -> str:
    """Return typed text without the invisible characters that editors and web pages add.

    Quotes and dashes stay. The grammar replaces them, because it knows what is quoted.
    """
    if text.isascii() and "\r" not in text:
        return text
    return unicodedata.normalize("NFC", _LINE_ENDS.sub("\n", text).translate(_RESIDUE))


def without_emphasis(text: str) -> str:
    """Return the text without asterisks or underscores around all of it."""
    emphasis = _EMPHASIS.fullmatch(text)
    return emphasis[2] if emphasis else text


def shortened(text: str, length: int) -> str:
    """Return the text with at most ``length`` characters; an ellipsis shows that it was cut."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def one_line(text: str, length: int = 0) -> str:
    """Return the text on one line, shortened if ``length`` is given; shows invisible characters."""
    line = " ".join(clean(text).split())
    return shortened(line, length) if length else line


def usage(command: Command) -> str:
    """Return how a command is typed, such as ``stop {targets...}`` as ``stop TARGETS``."""
    return _PLACEHOLDER.sub(lambda name: name[1].upper(), command.phrases[0])

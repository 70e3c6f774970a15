"""Text that people type, and text on its way into a message."""

from __future__ import annotations

import re
import unicodedata

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
_EMPHASIS = re.compile(r"([*_]{1,2})([^\W_].*[^\W_][\"')]?)\1", re.DOTALL)


def without_residue(text: str) -> str:
    """Return typed text without the characters that an editor or a web page left in it.

    Quotes and dashes stay: the grammar replaces those, because it knows what is quoted.
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
    """Return the text on one line, with unseen characters visible; cut to ``length`` if given."""
    line = " ".join(clean(text).split())
    return shortened(line, length) if length else line

"""Text on its way into a card: harmless, and measured in bytes of JSON.

A RichTextBlock shows text as it is, so nearly everything goes there. What must
stand in a TextBlock or a fact is Markdown to the client and has to be escaped.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from json.encoder import encode_basestring

from smartops import Severity
from smartops.channels import clean

quote = encode_basestring
"""Return a text as JSON, as short as it gets: only what must be escaped is."""

STYLES = {
    Severity.GOOD: "good",
    Severity.INFO: "accent",
    Severity.WARNING: "warning",
    Severity.CRITICAL: "attention",
}
BOLD = '"weight":"Bolder"'
MONOSPACE = '"fontType":"Monospace"'
SUBTLE = '"isSubtle":true,"size":"Small"'

_ACTIVE = re.compile(r"[\\`*\[\]<>&~{|]|(?<![^\W_])_|_(?![^\W_])")
_OPENING = re.compile(r"\A(?:([-+=]+|#{1,6})|(\d+)([.)]))(?=\s|\Z)")
_BRACES = re.compile(r"(?<=\{)(?=\{)")
_GAPS = re.compile(r"^ +| {2,}", re.MULTILINE)


def size(fragment: str) -> int:
    """Return how many bytes a piece of JSON takes on the wire."""
    return len(fragment) if fragment.isascii() else len(encoded(fragment))


def encoded(text: str) -> bytes:
    """Return JSON as it goes over the wire."""
    return text.encode("utf-8", "replace")


def fits(fragment: str, room: int) -> bool:
    """Return whether a piece of JSON takes at most so many bytes."""
    # No character takes more than four; counting them costs as much as writing them.
    return 4 * len(fragment) <= room or size(fragment) <= room


def shortened(text: str, length: int) -> str:
    """Return the text with at most ``length`` characters; an ellipsis shows that it was cut."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def fit(text: str, room: int, *, end: bool = False) -> str:
    """Return as much of the text's beginning (or end) as takes at most ``room`` bytes quoted."""
    text = text[-room:] if end else text[:room]
    length = len(text)

    def part(count: int) -> str:
        return text[length - count :] if end else text[:count]

    fitting = bisect_right(range(length + 1), room, key=lambda count: size(quote(part(count))))
    return part(max(fitting - 1, 0))


def take(pieces: Iterable[str], room: int) -> list[str]:
    """Return the first pieces that take at most ``room`` bytes, commas between them included."""
    taken: list[str] = []
    for piece in pieces:
        room -= size(piece) + 1
        if room < 0:
            break
        taken.append(piece)
    return taken


def run(text: str, style: str = "") -> str:
    """Return the inlines that show ``text`` as it is; ``style`` is the JSON of more members.

    Two braces are kept apart, because clients look for dates inside of them.
    """
    halves = _BRACES.split(text) if "{{" in text else (text,)
    if not style:
        return ",".join(map(quote, halves))
    return ",".join(f'{{"type":"TextRun","text":{quote(half)},{style}}}' for half in halves)


def rich(inlines: str) -> str:
    """Return the element that shows inlines."""
    return f'{{"type":"RichTextBlock","inlines":[{inlines}]}}'


def escaped(text: str) -> str:
    """Return the text, on one line, for a place where the client reads Markdown."""
    line = " ".join(clean(text).split())
    return _OPENING.sub(_disarmed, _ACTIVE.sub(r"\\\g<0>", line))


def _disarmed(match: re.Match[str]) -> str:
    return f"\\{match[1]}" if match[1] else f"{match[2]}\\{match[3]}"


def unfolded(text: str) -> str:
    """Return the text with its columns held in place: clients fold several spaces into one."""
    return _GAPS.sub(lambda gap: "\u00a0" * len(gap[0]), clean(text).expandtabs(8))

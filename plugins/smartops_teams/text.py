"""Text on its way into a card.

A RichTextBlock shows text as it is, so nearly everything goes there. What must
stand in a TextBlock or a fact is Markdown to the client and has to be escaped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from smartops import Severity
from smartops.channels import clean, one_line

Element = dict[str, Any]
Inlines = list[str | Element]

STYLES = {
    Severity.GOOD: "good",
    Severity.INFO: "accent",
    Severity.WARNING: "warning",
    Severity.CRITICAL: "attention",
}
PLAIN: Mapping[str, Any] = {}
BOLD: Mapping[str, Any] = {"weight": "Bolder"}
MONOSPACE: Mapping[str, Any] = {"fontType": "Monospace"}
SUBTLE: Mapping[str, Any] = {"isSubtle": True, "size": "Small"}

_ACTIVE = re.compile(r"[\\`*\[\]<>&~{|]|(?<![^\W_])_|_(?![^\W_])")
_OPENING = re.compile(r"\A(?:([-+=]+|#{1,6})|(\d+)([.)]))(?=\s|\Z)")
_BRACES = re.compile(r"(?<=\{)(?=\{)")
_GAPS = re.compile(r"^ +| {2,}", re.MULTILINE)


def run(text: str, style: Mapping[str, Any] = PLAIN) -> Inlines:
    """Return the inlines that show ``text`` as it is.

    Two braces are kept apart, because clients look for dates inside of them.
    """
    halves = _BRACES.split(text) if "{{" in text else [text]
    if not style:
        return [*halves]
    return [{"type": "TextRun", "text": half, **style} for half in halves]


def rich(inlines: Inlines) -> Element:
    """Return the element that shows inlines."""
    return {"type": "RichTextBlock", "inlines": inlines}


def note(text: str) -> Element:
    """Return a quiet remark of the renderer's own."""
    return rich(run(text, SUBTLE))


def escaped(text: str) -> str:
    """Return the text, on one line, for a place where the client reads Markdown."""
    return _OPENING.sub(_disarmed, _ACTIVE.sub(r"\\\g<0>", one_line(text)))


def _disarmed(match: re.Match[str]) -> str:
    return f"\\{match[1]}" if match[1] else f"{match[2]}\\{match[3]}"


def unfolded(text: str) -> str:
    """Return the text with its columns held in place: clients fold several spaces into one."""
    return _GAPS.sub(lambda gap: "\u00a0" * len(gap[0]), clean(text).expandtabs(8))

"""Text in a card.

A RichTextBlock displays text literally and is used for nearly everything. A
TextBlock or a fact is Markdown to the client, so its text is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from smartops import Severity
from smartops.channels import clean, one_line, shortened

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
_LINE_START = re.compile(r"\A(?:([-+=]+|#{1,6})|(\d+)([.)]))(?=\s|\Z)")
_BRACES = re.compile(r"(?<=\{)(?=\{)")
_GAPS = re.compile(r"^ +| {2,}", re.MULTILINE)


def run(text: str, style: Mapping[str, Any] = PLAIN) -> Inlines:
    """Return the inlines that display ``text`` literally.

    Two braces are put into different inlines, because clients look for dates in ``{{}}``.
    """
    pieces = _BRACES.split(text) if "{{" in text else [text]
    if not style:
        return [*pieces]
    return [{"type": "TextRun", "text": piece, **style} for piece in pieces]


def rich(inlines: Inlines) -> Element:
    """Return the element that displays inlines."""
    return {"type": "RichTextBlock", "inlines": inlines}


def cut(text: str, length: int) -> str:
    """Return at most ``length`` characters of a text, with invisible ones visible."""
    if len(text) <= length and text.isprintable():  # a table has hundreds of texts
        return text
    return clean(shortened(text, length))


def escaped(text: str) -> str:
    """Return the text, on one line, for an element whose text is Markdown."""
    return _LINE_START.sub(_escape_start, _ACTIVE.sub(r"\\\g<0>", one_line(text)))


def _escape_start(match: re.Match[str]) -> str:
    return f"\\{match[1]}" if match[1] else f"{match[2]}\\{match[3]}"


def with_columns(text: str) -> str:
    """Return the text with no-break spaces, because clients collapse several spaces into one."""
    return _GAPS.sub(lambda gap: "\u00a0" * len(gap[0]), clean(text).expandtabs(8))

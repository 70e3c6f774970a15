"""Rich text: the one kind of text that Slack does not parse for markup, mentions or links.

Names, tags and outputs can come from an attacker, so nearly everything is rich text.
"""

from __future__ import annotations

from typing import Any

from smartops import Severity
from smartops.channels import grouped, json_size, lines_of

Block = dict[str, Any]
Inlines = list[dict[str, Any]]

ROOM = 9_000
"""Bytes of JSON of one block."""

LONGEST_RUN = 2000
"""Characters of one piece of text; a longer text is several pieces."""

EMOJI = {
    Severity.GOOD: "white_check_mark",
    Severity.INFO: "information_source",
    Severity.WARNING: "warning",
    Severity.CRITICAL: "rotating_light",
}


def run(text: str, **style: bool) -> Inlines:
    """Return the text as pieces; ``style`` may be bold, italic or code."""
    more = {"style": style} if style else {}
    return [{"type": "text", "text": piece, **more} for piece in _cut(text, LONGEST_RUN)]


def emoji(severity: Severity) -> Inlines:
    """Return the emoji of a severity, and a space."""
    return [{"type": "emoji", "name": EMOJI[severity]}, *run(" ")]


def mention(user: str) -> Inlines:
    """Return a mention, which notifies the person."""
    return [{"type": "user", "user_id": user}]


def rich(inlines: Inlines) -> Block:
    """Return a paragraph."""
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": inlines}]}


def preformatted(text: str) -> Block:
    """Return a block in monospace; ``text`` must not be empty."""
    box = {"type": "rich_text_preformatted", "elements": run(text)}
    return {"type": "rich_text", "elements": [box]}


def bulleted(points: list[Block]) -> Block:
    """Return a list of sections."""
    box = {"type": "rich_text_list", "style": "bullet", "elements": points}
    return {"type": "rich_text", "elements": [box]}


def plain_text(text: str) -> dict[str, Any]:
    """Return a text object that Slack does not parse; ``text`` must not be empty."""
    return {"type": "plain_text", "text": text, "emoji": False}


def note(text: str) -> list[Block]:
    """Return a remark in small print."""
    pieces = _cut(text, LONGEST_RUN)
    return [{"type": "context", "elements": [plain_text(piece)]} for piece in pieces]


def paragraphs(inlines: Inlines) -> list[Block]:
    """Return as many blocks as the inlines need, each of at most ``ROOM`` bytes."""
    return [rich(group) for group in grouped(inlines, ROOM, lambda item: json_size(item) + 1)]


def chunks(text: str, room: int) -> list[str]:
    """Cut a text at line ends into parts of at most ``room`` bytes as JSON; nothing is lost."""
    parts = ["".join(group) for group in grouped(lines_of(text, room), room, json_size)] or [""]
    return [*(part.removesuffix("\n") for part in parts[:-1]), parts[-1]]


def _cut(text: str, length: int) -> list[str]:
    return [text[start : start + length] for start in range(0, len(text), length)]

"""Rich text: the one kind of text in which Slack looks for no markup, mention or link.

Names, tags and outputs come from machines and from people who may wish harm, so
nearly everything is shown in it, as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from smartops import Severity
from smartops.channels import clean

Block = dict[str, Any]
Inlines = list[dict[str, Any]]

ROOM = 9_000
"""Bytes of JSON that one block may take; well below what a message may."""

LONGEST_RUN = 2000
"""Characters of one piece of text; a longer one is several pieces in a row."""

EMOJI = {
    Severity.GOOD: "white_check_mark",
    Severity.INFO: "information_source",
    Severity.WARNING: "warning",
    Severity.CRITICAL: "rotating_light",
}

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def size(value: Any) -> int:
    """Return how many bytes something takes as JSON."""
    text = _encode(value)
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def run(text: str, **style: bool) -> Inlines:
    """Return the pieces that show ``text`` as it is; ``style`` may be bold, italic or code."""
    more = {"style": style} if style else {}
    return [{"type": "text", "text": piece, **more} for piece in _cut(text, LONGEST_RUN)]


def emoji(severity: Severity) -> Inlines:
    """Return the picture of a severity, and a space."""
    return [{"type": "emoji", "name": EMOJI[severity]}, *run(" ")]


def mention(user: str) -> Inlines:
    """Return the name of a person, who is told of it."""
    return [{"type": "user", "user_id": user}]


def rich(inlines: Inlines) -> Block:
    """Return the block that shows a paragraph."""
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": inlines}]}


def preformatted(text: str) -> Block:
    """Return the block that shows text in monospace; ``text`` must not be empty."""
    box = {"type": "rich_text_preformatted", "elements": run(text)}
    return {"type": "rich_text", "elements": [box]}


def bulleted(points: list[Block]) -> Block:
    """Return the block that shows sections as the points of a list."""
    box = {"type": "rich_text_list", "style": "bullet", "elements": points}
    return {"type": "rich_text", "elements": [box]}


def plain_text(text: str) -> dict[str, Any]:
    """Return a text object in which nothing is looked for; ``text`` must not be empty."""
    return {"type": "plain_text", "text": text, "emoji": False}


def note(text: str) -> list[Block]:
    """Return a quiet remark."""
    pieces = _cut(text, LONGEST_RUN)
    return [{"type": "context", "elements": [plain_text(piece)]} for piece in pieces]


def one_line(text: str, longest: int = 0) -> str:
    """Return the text on one line, harmless; cut to ``longest`` characters, which then shows."""
    line = " ".join(clean(text).split())
    return shortened(line, longest) if longest else line


def shortened(text: str, longest: int) -> str:
    """Return the text with at most ``longest`` characters; an ellipsis shows that it was cut."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def paragraphs(inlines: Inlines) -> list[Block]:
    """Return as many blocks as the inlines need, each of at most ``ROOM`` bytes."""
    blocks: list[Block] = []
    taken: Inlines = []
    left = ROOM
    for inline in inlines:
        need = size(inline) + 1
        if taken and need > left:
            blocks.append(rich(taken))
            taken, left = [], ROOM
        taken.append(inline)
        left -= need
    return [*blocks, rich(taken)] if taken else blocks


def chunks(text: str, room: int) -> Iterator[str]:
    """Cut a text at line ends into parts of at most ``room`` bytes as JSON; nothing is lost.

    Joined with line ends they are the text again, but for lines that are longer
    than a part and had to be cut themselves.
    """
    taken: list[str] = []
    left = room
    for line in text.split("\n"):
        for piece in _pieces(line, room - 2):
            need = size(piece)  # with the quotes, which a line end takes no more than
            if taken and need > left:
                yield "\n".join(taken)
                taken, left = [], room
            taken.append(piece)
            left -= need
    yield "\n".join(taken)


def _pieces(line: str, room: int) -> Iterator[str]:
    """Cut one line so that each piece takes at most ``room`` bytes as JSON."""
    while len(line) * 4 > room and size(line) > room:
        length = room
        while size(line[:length]) > room:
            length = length * 3 // 4
        yield line[:length]
        line = line[length:]
    yield line


def _cut(text: str, length: int) -> list[str]:
    return [text[start : start + length] for start in range(0, len(text), length)]

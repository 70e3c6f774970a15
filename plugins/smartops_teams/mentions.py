"""What a person typed, without the mention that woke the bot and without an editor's residue."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from .activity import Activity, part, word

_TAG = re.compile(r"<at(?:\s[^<>]*)?>([^<>]*)</at>")
_EMPHASIS = re.compile(r"([*_]{1,2})([^\W_].*[^\W_][\"')]?)\1", re.DOTALL)
_LINE_ENDS = re.compile(r"\r\n?|[\u0085\u2028\u2029]")
# No-break spaces become spaces. What has no width or turns the direction goes, but for the two
# joiners (200c, 200d), which scripts and emoji need.
_MENDED = str.maketrans(
    {
        **dict.fromkeys("\u00a0\u2007\u202f", " "),
        **dict.fromkeys("\u00ad\u200b\u200e\u200f\u2060\ufeff", None),
        **{chr(code): None for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))},
    }
)


def spoken(activity: Activity) -> str:
    """Return the text of a message as its sender meant it.

    A colon or comma after the mention goes too, and emphasis of the whole text.
    Quotes and dashes stay as they are: mending those is the grammar's, which
    knows what is quoted.
    """
    text = word(activity, "text")
    me = word(part(activity, "recipient"), "id")
    entities = activity.get("entities")
    if me and isinstance(entities, list):
        for entity in entities:
            if isinstance(entity, dict) and _mentions(entity, me):
                text = _without(text, entity)
    text = _mended(text).strip()
    emphasis = _EMPHASIS.fullmatch(text)
    return emphasis[2] if emphasis else text


def _mentions(entity: dict[str, Any], who: str) -> bool:
    return entity.get("type") == "mention" and part(entity, "mentioned").get("id") == who


def _without(text: str, entity: dict[str, Any]) -> str:
    """Remove one mention: where the entity says, or else the tag with the name it says.

    The name is never a pattern: people call bots what they like.
    """
    name = word(part(entity, "mentioned"), "name")
    literal = word(entity, "text") or (f"<at>{name}</at>" if name else "")
    at = text.find(literal) if literal else -1
    if at >= 0:
        return _joined(text[:at], text[at + len(literal) :])
    inside = _TAG.fullmatch(literal)
    names = {name, inside[1] if inside else ""} - {""}
    for tag in _TAG.finditer(text):
        if tag[1] in names:
            return _joined(text[: tag.start()], text[tag.end() :])
    return text


def _joined(before: str, after: str) -> str:
    """Join what stood around a mention as two words, whatever space there was."""
    before, after = before.rstrip(), after.lstrip()
    if not before and after[:1] in (":", ","):
        after = after[1:].lstrip()
    return f"{before} {after}"


def _mended(text: str) -> str:
    if "&" in text:
        text = text.replace("&nbsp;", " ").replace("&#160;", " ")
    if text.isascii() and "\r" not in text:
        return text
    return unicodedata.normalize("NFC", _LINE_ENDS.sub("\n", text).translate(_MENDED))

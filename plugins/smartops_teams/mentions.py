"""What a person typed, without the mention that woke the bot and without an editor's residue."""

from __future__ import annotations

import re

from smartops.channels import (
    JsonObject,
    object_of,
    objects_of,
    text_of,
    without_emphasis,
    without_residue,
)

from .activity import Activity

_TAG = re.compile(r"<at(?:\s[^<>]*)?>([^<>]*)</at>")


def spoken(activity: Activity) -> str:
    """Return the text of a message as its sender meant it.

    A colon or comma after the mention goes too, and emphasis of the whole text.
    Quotes and dashes stay as they are: mending those is the grammar's, which
    knows what is quoted.
    """
    text = text_of(activity, "text")
    me = text_of(object_of(activity, "recipient"), "id")
    for entity in objects_of(activity, "entities"):
        if me and _mentions(entity, me):
            text = _without(text, entity)
    text = text.replace("&nbsp;", " ").replace("&#160;", " ")
    return without_emphasis(without_residue(text).strip())


def _mentions(entity: JsonObject, who: str) -> bool:
    return entity.get("type") == "mention" and object_of(entity, "mentioned").get("id") == who


def _without(text: str, entity: JsonObject) -> str:
    """Remove one mention: where the entity says, or else the tag with the name it says.

    The name is never a pattern: people call bots what they like.
    """
    name = text_of(object_of(entity, "mentioned"), "name")
    literal = text_of(entity, "text") or (f"<at>{name}</at>" if name else "")
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

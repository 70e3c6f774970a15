"""The typed text of a message, without the mention of the bot."""

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


def typed_text(activity: Activity) -> str:
    """Return the text without mentions of the bot, and without emphasis of the whole text.

    A colon or comma after the mention is removed too. Quotes and dashes stay. The
    grammar replaces them, because it knows what is quoted.
    """
    text = text_of(activity, "text")
    bot = text_of(object_of(activity, "recipient"), "id")
    for entity in objects_of(activity, "entities"):
        mentioned = object_of(entity, "mentioned")
        if bot and entity.get("type") == "mention" and mentioned.get("id") == bot:
            text = _without(text, text_of(mentioned, "name"), entity)
    text = text.replace("&nbsp;", " ").replace("&#160;", " ")
    return without_emphasis(without_residue(text).strip())


def _without(text: str, name: str, entity: JsonObject) -> str:
    """Remove one mention: the literal text of the entity, else the first tag with its name.

    The name is never used as a pattern, because a bot can have any name.
    """
    literal = text_of(entity, "text") or (f"<at>{name}</at>" if name else "")
    if literal and literal in text:
        return _joined(*text.split(literal, 1))
    tag = _TAG.fullmatch(literal)
    names = {name, tag[1] if tag else ""} - {""}
    for tag in _TAG.finditer(text):
        if tag[1] in names:
            return _joined(text[: tag.start()], text[tag.end() :])
    return text


def _joined(before: str, after: str) -> str:
    """Join the text around a mention with one space."""
    before, after = before.rstrip(), after.lstrip()
    if not before and after[:1] in (":", ","):
        after = after[1:].lstrip()
    return f"{before} {after}"

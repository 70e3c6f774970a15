"""Typed text without Slack's tokens and escaping.

Slack escapes three characters and puts mentions, links and dates into angle
brackets. Tokens are resolved before the escaping is undone, so that typed text
cannot become a token.
"""

from __future__ import annotations

import re
from functools import lru_cache

from smartops.channels import without_emphasis, without_residue

_TOKEN = re.compile(r"<([^<>|][^<>]*)>")
_ANY_MENTION = re.compile(r"\s*<@[^<>]+>(\s*[:,])?\s*")
_SCHEMES = re.compile(r"\A(?:https?://|mailto:|tel:)", re.IGNORECASE)
_CODE = re.compile(r"(`{3}|`)\s*([^`]*?)\s*\1")


def typed_text(text: str, bot: str = "", *, mentioned: bool = False) -> str:
    """Return the text of a message as it was typed, without mentions of the bot.

    ``bot`` is the bot's user id. If it is unknown but the bot is ``mentioned``, the first
    mention is removed. A colon or comma after it goes too, and emphasis of the whole text.
    Quotes and dashes stay: the grammar replaces those, because it knows what is quoted.
    """
    if "<" in text:
        if bot:
            text = _mention_of(bot).sub(_space, text)
        elif mentioned:
            text = _ANY_MENTION.sub(_space, text, count=1)
        text = _TOKEN.sub(_resolved, text)
    text = without_emphasis(without_residue(unescaped(text)).strip())
    if text.startswith("`") and (code := _CODE.fullmatch(text)):
        return code[2]
    return text


def mentions(text: str, user: str) -> bool:
    """Return whether the text mentions the user."""
    return f"<@{user}>" in text or f"<@{user}|" in text


def escaped(text: str) -> str:
    """Escape a text, so that nothing in it becomes a mention or a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescaped(text: str) -> str:
    """Undo :func:`escaped`."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


@lru_cache(maxsize=16)
def _mention_of(user: str) -> re.Pattern[str]:
    return re.compile(rf"\s*<@{re.escape(user)}(?:\|[^<>]*)?>(\s*[:,])?\s*")


def _space(mention: re.Match[str]) -> str:
    """Return the replacement of a mention: its punctuation stays inside the text."""
    return f"{mention[1] or ''} " if mention.start() else " "


def _resolved(token: re.Match[str]) -> str:
    """Return what was typed for a token, still escaped."""
    target, bar, label = token[1].partition("|")
    mark = target[0]
    if mark in "@#":
        return f"{mark}{(label or target[1:]).removeprefix(mark)}"
    if mark == "!":
        return label or f"@{target[1:].rpartition('^')[2]}"
    return label if bar and _bare(target) == _bare(label) else target


def _bare(address: str) -> str:
    """Return what Slack made a link of: it adds a scheme to what looks like an address."""
    return _SCHEMES.sub("", address).removesuffix("/").lower()

"""What a person typed, without Slack's tokens, its escaping and an editor's residue.

Slack escapes three characters and puts mentions, links and dates into angle
brackets. Here that is undone, once: tokens first, then the escaping, so that
nothing which was typed can pass for a token.
"""

from __future__ import annotations

import re
from functools import lru_cache

from smartops.channels import without_emphasis, without_residue

_TOKEN = re.compile(r"<([^<>|][^<>]*)>")
_ANYBODY = re.compile(r"\s*<@[^<>]+>(\s*[:,])?\s*")
_SCHEMES = re.compile(r"\A(?:https?://|mailto:|tel:)", re.IGNORECASE)
_CODE = re.compile(r"(`{3}|`)\s*([^`]*?)\s*\1")


def spoken(text: str, me: str = "", *, mentioned: bool = False) -> str:
    """Return the text of a message as its sender meant it, without mentions of the bot.

    ``me`` is the bot's user id. Where it is not known but the bot is
    ``mentioned``, the first mention is taken for it. A colon or comma after it
    goes too, and emphasis of the whole text. Quotes and dashes stay as they are:
    mending those is the grammar's, which knows what is quoted.
    """
    if "<" in text:
        if me:
            text = _mention_of(me).sub(_space, text)
        elif mentioned:
            text = _ANYBODY.sub(_space, text, count=1)
        text = _TOKEN.sub(_typed, text)
    text = without_emphasis(without_residue(unescaped(text)).strip())
    if text.startswith("`") and (code := _CODE.fullmatch(text)):
        return code[2]
    return text


def mentions(text: str, me: str) -> bool:
    """Say whether the text mentions the user ``me``."""
    return f"<@{me}>" in text or f"<@{me}|" in text


def escaped(text: str) -> str:
    """Return the text as Slack takes it: nothing in it becomes a mention or a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescaped(text: str) -> str:
    """Undo :func:`escaped`."""
    if "&" not in text:
        return text
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


@lru_cache(maxsize=16)
def _mention_of(user: str) -> re.Pattern[str]:
    return re.compile(rf"\s*<@{re.escape(user)}(?:\|[^<>]*)?>(\s*[:,])?\s*")


def _space(mention: re.Match[str]) -> str:
    """Return what stays of a mention, with its punctuation where it does not begin the text."""
    return f"{mention[1] or ''} " if mention.start() else " "


def _typed(token: re.Match[str]) -> str:
    """Return what was typed for a token, as far as Slack still tells; escaped as it came."""
    target, bar, label = token[1].partition("|")
    sign = target[0]
    if sign in "@#":
        return f"{sign}{(label or target[1:]).removeprefix(sign)}"
    if sign == "!":
        return label or f"@{target[1:].rpartition('^')[2] if '^' in target else target[1:]}"
    return label if bar and _is_the_same(target, label) else target


def _is_the_same(url: str, label: str) -> bool:
    """Say whether Slack made the link out of the label: it completes what looks like an address."""
    return _bare(url) == _bare(label)


def _bare(address: str) -> str:
    return _SCHEMES.sub("", address).removesuffix("/").lower()

"""Events: what somebody said to the bot, in a channel, a thread or a direct message."""

from __future__ import annotations

import logging

from smartops import ValidationFailed
from smartops.channels import JsonObject, object_of, objects_of, text_of

from .act import Act
from .origin import of_event
from .payload import is_direct
from .text import mentions, spoken

_NEW = frozenset({"", "file_share", "thread_broadcast"})
"""Subtypes of messages that a person has just written."""

log = logging.getLogger("smartops.slack")


def act_of(payload: JsonObject, me: str) -> Act | str:
    """Return what somebody said, or why it is nothing that was said to the bot.

    ``me`` is the bot's user id as far as it is known without the event. A
    mention comes as ``app_mention`` and, where the app may read the channel, as
    ``message`` too: both become one act, for they have one channel and one ``ts``.
    """
    event = object_of(payload, "event")
    kind = text_of(event, "type")
    if kind not in ("app_mention", "message"):
        return _other(payload, kind)
    installed = next(iter(objects_of(payload, "authorizations")), {})
    if installed.get("is_bot") is True:
        me = text_of(installed, "user_id") or me
    user, channel, text = text_of(event, "user"), text_of(event, "channel"), text_of(event, "text")
    if reason := _no_new_message(event, user, me):
        return reason
    ts = text_of(event, "ts")
    if not (user and channel and ts):
        raise ValidationFailed("The event does not say who said it, where and when")
    direct = is_direct(channel) or text_of(event, "channel_type") == "im"
    if kind == "message" and not direct and not (me and mentions(text, me)):
        return "a message that does not mention the bot"
    return Act(
        id=ts,
        origin=of_event(payload, installed),
        user=user,
        channel=channel,
        thread=text_of(event, "thread_ts") or ("" if direct else ts),
        text=spoken(text, me, mentioned=kind == "app_mention"),
    )


def _no_new_message(event: JsonObject, user: str, me: str) -> str:
    """Return why nobody has just said this; empty if somebody has."""
    subtype = text_of(event, "subtype")
    if subtype not in _NEW:
        return f"a message of subtype {subtype[:40]}"
    if "edited" in event:
        return "an edited message"
    if event.get("hidden") is True:
        return "a hidden message"
    if event.get("bot_id") or "bot_profile" in event or (user and user in (me, "USLACKBOT")):
        return "a bot's message"
    return ""


def _other(payload: JsonObject, kind: str) -> str:
    outer = text_of(payload, "type")
    if outer == "app_rate_limited":
        log.warning(
            "Slack withholds events of workspace %.40r: over 30,000 in an hour",
            text_of(payload, "team_id"),
        )
    elif kind in ("app_uninstalled", "tokens_revoked"):
        log.warning("Slack says %s for workspace %.40r", kind, text_of(payload, "team_id"))
    return f"an event of type {(kind or outer)[:40]!r}"

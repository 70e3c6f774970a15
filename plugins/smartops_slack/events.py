"""Events: what a person typed to the bot in a channel, a thread or a direct message."""

from __future__ import annotations

import logging

from smartops import ValidationFailed
from smartops.channels import JsonObject, object_of, objects_of, text_of

from .address import Origin, UserInput, is_direct
from .text import mentions, typed_text

_NEW = frozenset({"", "file_share", "thread_broadcast"})
"""Subtypes of newly written messages."""

log = logging.getLogger("smartops.slack")


def read_event(payload: JsonObject, bot: str) -> UserInput | str:
    """Return the message to the bot, or the reason why the event is ignored.

    ``bot`` is the bot's user id if it is known. A mention arrives as ``app_mention`` and,
    if the app may read the channel, as ``message`` too: both have the same channel and
    ``ts``, so they are duplicates.
    """
    event = object_of(payload, "event")
    kind = text_of(event, "type")
    if kind not in ("app_mention", "message"):
        return _ignored(payload, kind)
    installation = next(iter(objects_of(payload, "authorizations")), {})
    if installation.get("is_bot") is True:
        bot = text_of(installation, "user_id") or bot
    user, channel, text = text_of(event, "user"), text_of(event, "channel"), text_of(event, "text")
    if reason := _not_new(event, user, bot):
        return reason
    ts = text_of(event, "ts")
    if not (user and channel and ts):
        raise ValidationFailed("The event does not say who said it, where and when")
    direct = is_direct(channel) or text_of(event, "channel_type") == "im"
    if kind == "message" and not direct and not (bot and mentions(text, bot)):
        return "a message that does not mention the bot"
    return UserInput(
        id=ts,
        origin=_origin(payload, installation),
        user=user,
        channel=channel,
        thread=text_of(event, "thread_ts") or ("" if direct else ts),
        text=typed_text(text, bot, mentioned=kind == "app_mention"),
    )


def _origin(payload: JsonObject, installation: JsonObject) -> Origin:
    """Return the origin of an event; in a channel shared with other companies it has a home."""
    team = text_of(payload, "team_id") or text_of(installation, "team_id")
    enterprise = text_of(installation, "enterprise_id") or text_of(payload, "enterprise_id")
    if payload.get("is_ext_shared_channel") is not True:
        return Origin(team, enterprise)
    event = object_of(payload, "event")
    home = text_of(event, "user_team") or text_of(event, "source_team")
    return Origin(team, enterprise, home, external=True)


def _not_new(event: JsonObject, user: str, bot: str) -> str:
    """Return why this is not a new message of a person; empty if it is one."""
    subtype = text_of(event, "subtype")
    if subtype not in _NEW:
        return f"a message of subtype {subtype[:40]}"
    if "edited" in event:
        return "an edited message"
    if event.get("hidden") is True:
        return "a hidden message"
    if event.get("bot_id") or "bot_profile" in event or (user and user in (bot, "USLACKBOT")):
        return "a bot's message"
    return ""


def _ignored(payload: JsonObject, kind: str) -> str:
    outer, team = text_of(payload, "type"), text_of(payload, "team_id")
    if outer == "app_rate_limited":
        log.warning("Slack withholds events of workspace %.40r: over 30,000 in an hour", team)
    elif kind in ("app_uninstalled", "tokens_revoked"):
        log.warning("Slack says %s for workspace %.40r", kind, team)
    return f"an event of type {(kind or outer)[:40]!r}"

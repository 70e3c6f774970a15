"""What an activity says, taken out of JSON that may hold anything anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smartops import Identity, Place

CHANNEL = "teams"

Activity = Mapping[str, Any]
NOTHING: Activity = {}


def part(thing: Activity, name: str) -> Activity:
    """Return a member that is an object, else an empty one."""
    value = thing.get(name)
    return value if isinstance(value, dict) else NOTHING


def word(thing: Activity, name: str) -> str:
    """Return a member that is a string, else an empty one."""
    value = thing.get(name)
    return value if isinstance(value, str) else ""


def platform(activity: Activity) -> str:
    """Return the Bot Framework's channel without a sub-channel, as of ``msteams:COPILOT``."""
    return word(activity, "channelId").partition(":")[0]


def tenants(activity: Activity) -> tuple[str, ...]:
    """Return the tenant ids that say where this happened, in lower case."""
    stated = (
        word(part(part(activity, "channelData"), "tenant"), "id"),
        word(part(activity, "conversation"), "tenantId"),
    )
    return tuple(tenant.lower() for tenant in stated if tenant)


def home(activity: Activity) -> str:
    """Return the sender's tenant, in lower case: a guest may bring another one."""
    return word(part(activity, "from"), "tenantId").lower() or next(iter(tenants(activity)), "")


def sender(activity: Activity) -> Identity | None:
    """Return who acts; None for system events and bots, which have no object id."""
    object_id = word(part(activity, "from"), "aadObjectId").lower()
    if not object_id:
        return None
    tenant = home(activity)
    return Identity(CHANNEL, tenant, object_id) if tenant else None


def is_from_bot(activity: Activity, app_id: str) -> bool:
    """Say whether this is our own message or another bot's."""
    person = part(activity, "from")
    who = word(person, "id")
    return (
        who.startswith("28:")
        or (who != "" and who in (word(part(activity, "recipient"), "id"), app_id))
        or person.get("role") in ("bot", "skill")
    )


def place(activity: Activity) -> Place:
    """Return where this was said: team and channel, or the chat."""
    data = part(activity, "channelData")
    chat, _ = split(word(part(activity, "conversation"), "id"))
    return Place(
        channel=CHANNEL,
        tenant=next(iter(tenants(activity)), ""),
        team=word(part(data, "team"), "id"),
        room=word(part(data, "channel"), "id") or chat,
    )


def split(conversation: str) -> tuple[str, str]:
    """Return the chat or channel, and the id of the message that begins the thread."""
    chat, _, suffix = conversation.partition(";")
    name, _, root = suffix.partition("=")
    return chat, root if name == "messageid" else ""


def kind(activity: Activity) -> str:
    """Return ``personal``, ``groupChat`` or ``channel``; by the id where it is not said."""
    conversation = part(activity, "conversation")
    if stated := word(conversation, "conversationType"):
        return stated
    name = word(conversation, "id")
    if name.startswith("19:"):
        return "groupChat" if name.endswith("@thread.v2") else "channel"
    return "personal"


def account(thing: Activity) -> dict[str, str]:
    """Return what a user or bot is addressed by."""
    return {"id": word(thing, "id"), "name": word(thing, "name")}

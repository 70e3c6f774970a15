"""What an activity says, taken out of JSON that may hold anything anywhere."""

from __future__ import annotations

from smartops import Identity, Place
from smartops.channels import JsonObject, object_of, text_of

CHANNEL = "teams"

Activity = JsonObject


def platform(activity: Activity) -> str:
    """Return the Bot Framework's channel without a sub-channel, as of ``msteams:COPILOT``."""
    return text_of(activity, "channelId").partition(":")[0]


def tenants(activity: Activity) -> tuple[str, ...]:
    """Return the tenant ids that say where this happened, in lower case."""
    stated = (
        text_of(object_of(object_of(activity, "channelData"), "tenant"), "id"),
        text_of(object_of(activity, "conversation"), "tenantId"),
    )
    return tuple(tenant.lower() for tenant in stated if tenant)


def home(activity: Activity) -> str:
    """Return the sender's tenant, in lower case: a guest may bring another one."""
    own = text_of(object_of(activity, "from"), "tenantId").lower()
    return own or next(iter(tenants(activity)), "")


def sender(activity: Activity) -> Identity | None:
    """Return who acts; None for system events and bots, which have no object id."""
    object_id = text_of(object_of(activity, "from"), "aadObjectId").lower()
    if not object_id:
        return None
    tenant = home(activity)
    return Identity(CHANNEL, tenant, object_id) if tenant else None


def is_from_bot(activity: Activity, app_id: str) -> bool:
    """Say whether this is our own message or another bot's."""
    person = object_of(activity, "from")
    who = text_of(person, "id")
    return (
        who.startswith("28:")
        or (who != "" and who in (text_of(object_of(activity, "recipient"), "id"), app_id))
        or person.get("role") in ("bot", "skill")
    )


def place(activity: Activity) -> Place:
    """Return where this was said: team and channel, or the chat."""
    data = object_of(activity, "channelData")
    chat, _ = split(text_of(object_of(activity, "conversation"), "id"))
    return Place(
        channel=CHANNEL,
        tenant=next(iter(tenants(activity)), ""),
        team=text_of(object_of(data, "team"), "id"),
        room=text_of(object_of(data, "channel"), "id") or chat,
    )


def split(conversation: str) -> tuple[str, str]:
    """Return the chat or channel, and the id of the message that begins the thread."""
    chat, _, suffix = conversation.partition(";")
    name, _, root = suffix.partition("=")
    return chat, root if name == "messageid" else ""


def kind(activity: Activity) -> str:
    """Return ``personal``, ``groupChat`` or ``channel``; by the id where it is not said."""
    conversation = object_of(activity, "conversation")
    if stated := text_of(conversation, "conversationType"):
        return stated
    name = text_of(conversation, "id")
    if name.startswith("19:"):
        return "groupChat" if name.endswith("@thread.v2") else "channel"
    return "personal"


def account(thing: Activity) -> dict[str, str]:
    """Return what a user or bot is addressed by."""
    return {"id": text_of(thing, "id"), "name": text_of(thing, "name")}

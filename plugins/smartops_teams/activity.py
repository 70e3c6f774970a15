"""Members of an activity, whose JSON can have any types."""

from __future__ import annotations

from typing import Any

from smartops import Identity
from smartops.channels import JsonObject, Place, object_of, text_of

CHANNEL = "teams"

Activity = JsonObject


def platform(activity: Activity) -> str:
    """Return the Bot Framework's channel without a sub-channel, as in ``msteams:COPILOT``."""
    return text_of(activity, "channelId").partition(":")[0]


def tenants(activity: Activity) -> tuple[str, ...]:
    """Return the ids of the conversation's tenant, in lower case, from both places."""
    stated = (
        text_of(object_of(object_of(activity, "channelData"), "tenant"), "id"),
        text_of(object_of(activity, "conversation"), "tenantId"),
    )
    return tuple(tenant.lower() for tenant in stated if tenant)


def tenant(activity: Activity) -> str:
    """Return the id of the conversation's tenant; empty if it is missing."""
    return next(iter(tenants(activity)), "")


def home(activity: Activity) -> str:
    """Return the sender's tenant, in lower case; a guest's differs from the conversation's."""
    return text_of(object_of(activity, "from"), "tenantId").lower() or tenant(activity)


def sender(activity: Activity) -> Identity | None:
    """Return the sender; None for system events and bots, which have no object id."""
    object_id = text_of(object_of(activity, "from"), "aadObjectId").lower()
    return Identity(CHANNEL, home(activity), object_id) if object_id and home(activity) else None


def is_from_bot(activity: Activity, app_id: str) -> bool:
    """Return whether the sender is this bot or another one."""
    person = object_of(activity, "from")
    account = text_of(person, "id")
    return (
        account.startswith("28:")
        or (account != "" and account in (text_of(object_of(activity, "recipient"), "id"), app_id))
        or person.get("role") in ("bot", "skill")
    )


def conversation_id(activity: Activity) -> str:
    """Return the id of the conversation, with the thread in a channel."""
    return text_of(object_of(activity, "conversation"), "id")


def place(activity: Activity) -> Place:
    """Return the team and channel, or the chat."""
    data = object_of(activity, "channelData")
    return Place(
        channel=CHANNEL,
        tenant=tenant(activity),
        team=text_of(object_of(data, "team"), "id"),
        room=text_of(object_of(data, "channel"), "id")
        or conversation_id(activity).partition(";")[0],
    )


def thread(conversation: str) -> str:
    """Return the id of the message that begins the thread; empty outside of channels."""
    name, _, root = conversation.partition(";")[2].partition("=")
    return root if name == "messageid" else ""


def kind(activity: Activity) -> str:
    """Return ``personal``, ``groupChat`` or ``channel``; derived from the id if it is missing."""
    if stated := text_of(object_of(activity, "conversation"), "conversationType"):
        return stated
    name = conversation_id(activity)
    if name.startswith("19:"):
        return "groupChat" if name.endswith("@thread.v2") else "channel"
    return "personal"


def reference(activity: Activity, answer: str = "", reply_to: str = "") -> dict[str, Any]:
    """Return what a reply needs, as JSON, because a stored message contains it.

    ``answer`` is where the reply goes: ``invoke`` (the response to a pressed
    button), ``replies`` (expected replies in the response), or empty (the connector).
    """
    return {
        "answer": answer,
        "serviceUrl": text_of(activity, "serviceUrl"),
        "channelId": text_of(activity, "channelId"),
        "conversation": conversation_id(activity),
        "kind": kind(activity),
        "tenant": tenant(activity),
        "activity": reply_to,
        "bot": _account(activity, "recipient"),
        "user": _account(activity, "from"),
    }


def _account(activity: Activity, member: str) -> dict[str, str]:
    account = object_of(activity, member)
    return {"id": text_of(account, "id"), "name": text_of(account, "name")}

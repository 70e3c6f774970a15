"""The bot comes into a conversation, or has to leave: what is remembered, and the welcome."""

from __future__ import annotations

import logging
from typing import Any, Literal

import anyio

from smartops import Action, Refusal, Reply, Text
from smartops.channels import object_of, objects_of, text_of

from .activity import Activity
from .outbox import Outbox
from .references import References, reference_of

_ADDED = frozenset({"add", "add-upgrade"})
_REMOVED = frozenset({"remove", "remove-upgrade"})
_TEAM_ENDS = frozenset({"teamDeleted", "teamHardDeleted"})

log = logging.getLogger("smartops.teams")

WELCOME = Reply.of(
    Text("SmartOps is here", style="title"),
    "It runs your infrastructure from this chat: what may change something is shown first, "
    "and done once, after you have confirmed it.",
    Text(
        "Say help to see what you may do. In channels and group chats, mention it: "
        "@SmartOps help. Say whoami if it does not know you.",
        style="note",
    ),
    actions=[Action("command", "What can I do here?", "help")],
)

Change = Literal["added", "removed", "team removed", ""]


def change_of(activity: Activity) -> Change:
    """Return what became of the bot's place in the conversation; empty if nothing did."""
    match text_of(activity, "type"):
        case "installationUpdate":
            action = text_of(activity, "action")
            return "added" if action in _ADDED else "removed" if action in _REMOVED else ""
        case "conversationUpdate":
            event = text_of(object_of(activity, "channelData"), "eventType")
            if event in _TEAM_ENDS:
                return "team removed"
            if event == "channelDeleted":
                return "removed"
            if _names_bot(activity, "membersRemoved"):
                return "team removed" if _in_team(activity) else "removed"
            return "added" if _names_bot(activity, "membersAdded") else ""
    return ""


class Membership:
    """Remembers the conversations the bot is in; welcomes each once."""

    def __init__(self, references: References, outbox: Outbox) -> None:
        self._references = references
        self._outbox = outbox
        self._turn = anyio.Lock()

    async def happened(self, activity: Activity, change: Change) -> None:
        """Take note of a change, one after the other, and welcome a new conversation."""
        reference = reference_of(activity)
        async with self._turn:
            is_new = await self._noted(reference, change)
        if is_new:  # it may take long, and no other conversation is to wait for it
            await self._welcome(reference)

    async def _noted(self, reference: dict[str, Any], change: Change) -> bool:
        """Keep or forget a conversation; return whether it is one that was not known."""
        conversation = reference["conversation"]
        if change == "team removed" and reference["team"]:
            await self._references.drop_team(reference["tenant"], reference["team"])
        elif change != "added":
            await self._references.drop(conversation)
        elif conversation:
            known = await self._references.get(conversation)
            await self._references.keep(conversation, reference)
            return known is None
        return False

    async def _welcome(self, reference: dict[str, Any]) -> None:
        try:
            await self._outbox.speak(reference, WELCOME)
        except Refusal as refusal:  # it is a courtesy
            log.warning("a new conversation was not welcomed: %s", refusal)


def _names_bot(activity: Activity, name: str) -> bool:
    me = text_of(object_of(activity, "recipient"), "id")
    return me != "" and any(member.get("id") == me for member in objects_of(activity, name))


def _in_team(activity: Activity) -> bool:
    return text_of(object_of(object_of(activity, "channelData"), "team"), "id") != ""

"""The conversations that the bot is in, kept so that it can speak there first."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from smartops import KeyValueStore
from smartops.channels import object_of, text_of

from .activity import Activity, account, kind, split, tenants

_PREFIX = "conversation:"


class References:
    """Conversation references in the plugin's key-value store, by chat or channel."""

    def __init__(self, store: Callable[[], KeyValueStore]) -> None:
        self._store = store

    async def get(self, conversation: str) -> dict[str, Any] | None:
        """Return the reference of a conversation, or None."""
        kept = await self._store().get(_key(conversation))
        return json.loads(kept) if kept else None

    async def keep(self, conversation: str, reference: Mapping[str, Any]) -> None:
        """Keep a reference in place of what is kept."""
        await self._store().put(_key(conversation), json.dumps(reference))

    async def drop(self, conversation: str) -> None:
        """Forget a conversation."""
        await self._store().delete(_key(conversation))

    async def drop_team(self, tenant: str, team: str) -> None:
        """Forget all conversations of a team."""
        for reference in await self.all():
            if (reference["tenant"], reference["team"]) == (tenant, team):
                await self.drop(reference["conversation"])

    async def all(self) -> list[dict[str, Any]]:
        """Return every reference that is kept."""
        return [json.loads(kept) for kept in (await self._store().items(_PREFIX)).values()]


def reference_of(activity: Activity) -> dict[str, Any]:
    """Return what speaking first in the activity's conversation needs."""
    chat, _ = split(text_of(object_of(activity, "conversation"), "id"))
    return {
        "serviceUrl": text_of(activity, "serviceUrl"),
        "channelId": text_of(activity, "channelId"),
        "conversation": chat,
        "kind": kind(activity),
        "tenant": next(iter(tenants(activity)), ""),
        "team": text_of(object_of(object_of(activity, "channelData"), "team"), "id"),
        "activity": "",
        "bot": account(object_of(activity, "recipient")),
        "user": account(object_of(activity, "from")),
    }


def _key(conversation: str) -> str:
    """Return the key of a conversation, whose id may be longer than keys are."""
    chat, _ = split(conversation)
    return _PREFIX + hashlib.sha256(chat.encode()).hexdigest()

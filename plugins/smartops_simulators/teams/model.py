"""What the simulated Teams contains: people, conversations and messages."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from smartops_simulators import chat
from smartops_simulators.chat import walk

_PEOPLE = uuid.UUID("5d1f0c3e-7a51-4b0c-9d53-0d8a3a1f7b11")
CARD = "application/vnd.microsoft.card.adaptive"


@dataclass(frozen=True, kw_only=True)
class User(chat.User):
    """A person, by the id for bots and the ``object_id`` in the directory."""

    object_id: str

    @classmethod
    def named(cls, name: str, tenant: str) -> User:
        """Return the person of a name, always with the same ids."""
        object_id = str(uuid.uuid5(_PEOPLE, name))
        key = f"29:{uuid.uuid5(_PEOPLE, f'for this bot: {name}').hex}"
        return cls(name=name, id=key, identity=f"teams:{tenant}:{object_id}", object_id=object_id)

    @property
    def account(self) -> dict[str, str]:
        return {"id": self.id, "name": self.name.title(), "aadObjectId": self.object_id}


@dataclass(kw_only=True)
class Message(chat.Message):
    """A message. ``views`` are the cards that single people see in its place, by their name."""

    activity: dict[str, Any]
    views: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def card(self) -> dict[str, Any] | None:
        return card_of(self.activity)

    def seen_by(self, user: str) -> dict[str, Any]:
        """Return the card that this person sees; empty if there is none."""
        return self.views.get(user) or self.card or {}

    @property
    def text(self) -> str:
        card = self.card
        return words(card) if card else str(self.activity.get("text") or "")

    @property
    def buttons(self) -> list[str]:
        return [action.get("title", "") for action in (self.card or {}).get("actions", ())]


@dataclass(kw_only=True)
class Conversation(chat.Conversation[Message]):
    kind: str
    tenant: str
    team: str = ""

    @classmethod
    def named(cls, name: str, tenant: str) -> Conversation:
        """Return a channel, or the chat ``with alice``, or the chat of the ``group crew``."""
        root = uuid.uuid5(_PEOPLE, f"channel {name}").hex
        if name.startswith("with "):
            user = User.named(name.removeprefix("with "), tenant)
            key, kind, team = f"a:1{user.id[3:]}", "personal", ""
        elif name.startswith("group "):
            key, kind, team = f"19:{root}@thread.v2", "groupChat", ""
        else:
            key, kind, team = f"19:{root}@thread.tacv2", "channel", "19:team@thread.tacv2"
        return cls(id=key, name=name, kind=kind, tenant=tenant, team=team)

    @property
    def threads(self) -> bool:
        return self.kind == "channel"

    def reference(self, thread: str = "") -> dict[str, Any]:
        """Return ``conversation`` of an activity."""
        in_thread = self.kind == "channel" and thread
        name = f"{self.id};messageid={thread}" if in_thread else self.id
        made = {"id": name, "conversationType": self.kind, "tenantId": self.tenant}
        return made if self.kind == "personal" else {**made, "isGroup": True}

    def channel_data(self) -> dict[str, Any]:
        data: dict[str, Any] = {"tenant": {"id": self.tenant}}
        if self.kind == "channel":
            data |= {"team": {"id": self.team}, "teamsTeamId": self.team}
            data |= {"channel": {"id": self.id}, "teamsChannelId": self.id}
        return data


@dataclass(frozen=True, slots=True)
class Clicked:
    """The answer to a pressed button: a card for this person, or words beside the card."""

    status: int
    card: dict[str, Any] | None = None
    words: str = ""

    @property
    def text(self) -> str:
        return words(self.card) if self.card else self.words


def card_of(activity: Mapping[str, Any]) -> dict[str, Any] | None:
    for attachment in activity.get("attachments") or ():
        if attachment.get("contentType") == CARD:
            content: dict[str, Any] = attachment["content"]
            return content
    return None


def words(card: Mapping[str, Any]) -> str:
    """Return every text in the body of a card, one element a line."""
    lines: list[str] = []
    for element in walk(card.get("body")):
        match element.get("type"):
            case "RichTextBlock":
                inlines = element.get("inlines", ())
                lines.append("".join(it if isinstance(it, str) else it["text"] for it in inlines))
            case "TextBlock":
                lines.append(str(element.get("text", "")))
            case "FactSet":
                lines += [f"{fact['title']}: {fact['value']}" for fact in element["facts"]]
    return "\n".join(lines)

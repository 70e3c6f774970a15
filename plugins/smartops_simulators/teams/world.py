"""What there is in the simulated Teams: people, conversations and messages."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from smartops_simulators.platform import BOT, walk

_PEOPLE = uuid.UUID("5d1f0c3e-7a51-4b0c-9d53-0d8a3a1f7b11")
FIRST_ID = 1_700_000_000_000
"""Teams numbers messages by the millisecond."""

CARD = "application/vnd.microsoft.card.adaptive"


@dataclass(frozen=True, slots=True)
class User:
    """A person; the object id follows from the name, so that it can be configured."""

    name: str
    tenant: str

    @property
    def object_id(self) -> str:
        """The id in the directory."""
        return str(uuid.uuid5(_PEOPLE, self.name))

    @property
    def id(self) -> str:
        """The id by which bots address the person."""
        return f"29:{uuid.uuid5(_PEOPLE, f'for this bot: {self.name}').hex}"

    @property
    def identity(self) -> str:
        """The identity in the configuration of SmartOps."""
        return f"teams:{self.tenant}:{self.object_id}"

    @property
    def account(self) -> dict[str, str]:
        """The person as in ``from`` of an activity."""
        return {"id": self.id, "name": self.name.title(), "aadObjectId": self.object_id}


@dataclass(slots=True)
class Shown:
    """A message. ``views`` are the cards that single people see in its place, by their name."""

    id: str
    author: str
    activity: dict[str, Any]
    thread: str = ""
    edits: int = 0
    deleted: bool = False
    views: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def card(self) -> dict[str, Any] | None:
        """The card that everybody sees who has no view of their own."""
        return card_of(self.activity)

    def seen_by(self, user: str) -> dict[str, Any] | None:
        """Return the card that this person sees."""
        return self.views.get(user) or self.card

    @property
    def text(self) -> str:
        """Every word that is shown, one element a line."""
        card = self.card
        return words(card) if card else str(self.activity.get("text") or "")

    @property
    def buttons(self) -> list[str]:
        """The titles of its buttons."""
        return [action.get("title", "") for action in (self.card or {}).get("actions", ())]


@dataclass(slots=True)
class Conversation:
    """A chat or a channel. ``bot_is_in`` says whether the bot may speak there."""

    id: str
    kind: str
    name: str
    tenant: str
    team: str = ""
    bot_is_in: bool = True
    members: dict[str, User] = field(default_factory=dict)
    activities: list[Shown] = field(default_factory=list)

    @property
    def answers(self) -> list[Shown]:
        """What SmartOps has said and not deleted."""
        return [item for item in self.activities if item.author == BOT and not item.deleted]

    def find(self, id: str) -> Shown | None:
        """Return a message that is there."""
        found = (item for item in self.activities if item.id == id and not item.deleted)
        return next(found, None)

    def reference(self, thread: str = "") -> dict[str, Any]:
        """Return ``conversation`` of an activity."""
        in_thread = self.kind == "channel" and thread
        name = f"{self.id};messageid={thread}" if in_thread else self.id
        made = {"id": name, "conversationType": self.kind, "tenantId": self.tenant}
        return made if self.kind == "personal" else {**made, "isGroup": True}

    def channel_data(self) -> dict[str, Any]:
        """Return ``channelData`` of an activity."""
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
        """What the person reads, one element a line."""
        return words(self.card) if self.card else self.words


class World:
    """All people and conversations of one tenant."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.users: dict[str, User] = {}
        self.conversations: dict[str, Conversation] = {}
        self._numbers = itertools.count(FIRST_ID)

    def number(self) -> str:
        """Return the id of a new message."""
        return str(next(self._numbers))

    def user(self, name: str) -> User:
        """Return a person, who is created if needed."""
        return self.users.setdefault(name, User(name, self.tenant))

    def user_by_id(self, id: object) -> User | None:
        """Return the person whom bots address so."""
        return next((user for user in self.users.values() if user.id == id), None)

    def conversation(self, name: str) -> Conversation:
        """Return a conversation by its id or name; it is created if there is none.

        ``with alice`` is the one-to-one chat with that person, ``group crew`` a group chat;
        every other name is a channel's.
        """
        for known in self.conversations.values():
            if name in (known.id, known.name):
                return known
        if name.startswith("with "):
            user = self.user(name.removeprefix("with "))
            made = Conversation(f"a:1{user.id[3:]}", "personal", name, self.tenant)
            made.members[user.name] = user
        elif name.startswith("group "):
            made = Conversation(f"19:{uuid.uuid4().hex}@thread.v2", "groupChat", name, self.tenant)
        else:
            root = f"19:{uuid.uuid5(_PEOPLE, f'channel {name}').hex}@thread.tacv2"
            made = Conversation(root, "channel", name, self.tenant, "19:team@thread.tacv2")
        self.conversations[made.id] = made
        return made


def card_of(activity: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the card in an activity, if there is one."""
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

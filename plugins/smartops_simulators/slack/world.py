"""What there is in the simulated Slack: people, conversations, messages, files and dialogs."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from smartops import Clock
from smartops_simulators.platform import BOT, walk

JSON = dict[str, Any]


def made_id(kind: str, name: str) -> str:
    """Return the id that follows from a name: a letter, a zero and nine more."""
    digest = hashlib.sha256(f"{kind}:{name}".encode()).digest()
    return f"{kind}0{base64.b32encode(digest).decode()[:9]}"


@dataclass(frozen=True, slots=True)
class User:
    """A person; the id follows from the name, so that it can be configured."""

    name: str
    team: str

    @property
    def id(self) -> str:
        """The id in the workspace."""
        return made_id("U", self.name)

    @property
    def identity(self) -> str:
        """The identity in the configuration of SmartOps."""
        return f"slack:{self.team}:{self.id}"


@dataclass(slots=True)
class File:
    """A file: promised, uploaded, and shared once ``channel`` is set."""

    id: str
    name: str
    length: int
    content: bytes | None = None
    title: str = ""
    channel: str = ""
    thread: str = ""

    @property
    def text(self) -> str:
        """The content as text."""
        return (self.content or b"").decode("utf-8", "replace")


@dataclass(slots=True)
class Shown:
    """A message. ``to`` is the one person who sees it; ``fallback`` its text for notifications."""

    ts: str
    channel: str
    author: str
    blocks: list[JSON] = field(default_factory=list)
    fallback: str = ""
    thread: str = ""
    to: str = ""
    edits: int = 0
    deleted: bool = False
    files: list[File] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Every word that is shown, one element a line."""
        return words(self.blocks) if self.blocks else self.fallback

    @property
    def controls(self) -> list[JSON]:
        """Its buttons, as they are in the blocks."""
        return [
            part for part in walk(self.blocks) if part.get("type") == "button" and "text" in part
        ]

    @property
    def buttons(self) -> list[str]:
        """The labels of its buttons."""
        return [part["text"]["text"] for part in self.controls]

    def payload(self) -> JSON:
        """Return the message as Slack sends it."""
        made: JSON = {"type": "message", "ts": self.ts, "text": self.fallback}
        if self.blocks:
            made["blocks"] = self.blocks
        return {**made, "thread_ts": self.thread} if self.thread else made


@dataclass(slots=True)
class Conversation:
    """A channel or a direct message. ``bot_is_in`` says whether the app is a member."""

    id: str
    name: str
    bot_is_in: bool = True
    members: dict[str, User] = field(default_factory=dict)
    shown: list[Shown] = field(default_factory=list)

    @property
    def direct(self) -> bool:
        """Whether only one person and the app are there."""
        return self.id.startswith("D")

    @property
    def messages(self) -> list[Shown]:
        """What everybody sees there, in order."""
        return [item for item in self.shown if not (item.to or item.deleted)]

    @property
    def answers(self) -> list[Shown]:
        """What SmartOps has said to everybody and not deleted."""
        return [item for item in self.messages if item.author == BOT]

    @property
    def ephemeral(self) -> list[Shown]:
        """What single people were shown."""
        return [item for item in self.shown if item.to and not item.deleted]

    @property
    def files(self) -> list[File]:
        """The files that were shared there."""
        return [file for item in self.messages for file in item.files]

    def find(self, ts: str) -> Shown | None:
        """Return a message that is there."""
        found = (item for item in self.shown if item.ts == ts and not item.deleted)
        return next(found, None)

    def thread(self, ts: str) -> list[Shown]:
        """Return the answers in the thread that a message began."""
        return [item for item in self.messages if item.thread == ts]


@dataclass(slots=True)
class Dialog:
    """A view that was opened for a person. ``errors`` are what SmartOps found wrong with it."""

    id: str
    view: JSON
    user: User
    errors: dict[str, str] = field(default_factory=dict)
    open: bool = True

    @property
    def text(self) -> str:
        """Every word that is shown, one element a line."""
        return words(self.view["blocks"])


class World:
    """All people and conversations of one workspace."""

    def __init__(self, team: str, clock: Clock) -> None:
        self.team = team
        self.users: dict[str, User] = {}
        self.conversations: dict[str, Conversation] = {}
        self._clock = clock
        self._last = 0

    def ts(self) -> str:
        """Return the id of a new message, later than all before."""
        self._last = max(self._last + 1, int(self._clock.time() * 1_000_000))
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06}"

    def user(self, name: str) -> User:
        """Return a person, who is created if needed."""
        return self.users.setdefault(name, User(name, self.team))

    def user_by_id(self, id: object) -> User | None:
        """Return the person with an id."""
        return next((user for user in self.users.values() if user.id == id), None)

    def conversation(self, name: str) -> Conversation:
        """Return a conversation by its id or name; it is created if there is none.

        A name that begins with ``@`` is the direct message with that person.
        """
        for known in self.conversations.values():
            if name in (known.id, known.name):
                return known
        made = Conversation(made_id("D" if name[0] == "@" else "C", name), name)
        if made.direct:
            made.members[name[1:]] = self.user(name[1:])
        self.conversations[made.id] = made
        return made


def words(blocks: list[JSON]) -> str:
    """Return every text in blocks, one element a line; what lies side by side stays together."""
    return "\n".join(line for block in blocks for line in _lines(block))


def _lines(part: Mapping[str, Any]) -> Iterator[str]:
    kind = part.get("type")
    if kind in ("rich_text_section", "rich_text_preformatted", "rich_text_quote"):
        yield "".join(map(_inline, part["elements"]))
    elif kind in ("plain_text", "mrkdwn", "markdown"):
        yield part["text"]
    elif kind == "input":
        yield part["label"]["text"]
        for name in ("hint", "placeholder"):
            yield from _lines(part.get(name, {}))
    elif kind not in ("button", "image"):
        for name in ("text", "fields", "elements"):
            value = part.get(name)
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, dict):
                    yield from _lines(item)


def _inline(part: Mapping[str, Any]) -> str:
    match part["type"]:
        case "user":
            return f"@{part['user_id']}"
        case "emoji":
            return f":{part['name']}:"
        case "link":
            return str(part.get("text") or part["url"])
    return str(part.get("text", ""))

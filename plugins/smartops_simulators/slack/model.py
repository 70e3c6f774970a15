"""What the simulated Slack contains: people, conversations, messages, files and dialogs."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from smartops_simulators import chat
from smartops_simulators.chat import User, walk

JSON = dict[str, Any]


def made_id(kind: str, name: str) -> str:
    """Return the id that follows from a name: a letter, a zero and nine more."""
    digest = hashlib.sha256(f"{kind}:{name}".encode()).digest()
    return f"{kind}0{base64.b32encode(digest).decode()[:9]}"


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
        return (self.content or b"").decode("utf-8", "replace")


@dataclass(kw_only=True)
class Message(chat.Message):
    """A message, whose id is its ``ts``. ``fallback`` is its text for notifications."""

    channel: str
    blocks: list[JSON] = field(default_factory=list)
    fallback: str = ""
    files: list[File] = field(default_factory=list)

    @property
    def ts(self) -> str:
        return self.id

    @property
    def text(self) -> str:
        return words(self.blocks) if self.blocks else self.fallback

    @property
    def controls(self) -> list[JSON]:
        parts = walk(self.blocks)
        return [part for part in parts if part.get("type") == "button" and "text" in part]

    @property
    def buttons(self) -> list[str]:
        return [part["text"]["text"] for part in self.controls]

    def payload(self) -> JSON:
        made: JSON = {"type": "message", "ts": self.ts, "text": self.fallback}
        if self.blocks:
            made["blocks"] = self.blocks
        return {**made, "thread_ts": self.thread} if self.thread else made


@dataclass(kw_only=True)
class Conversation(chat.Conversation[Message]):
    @property
    def direct(self) -> bool:
        return self.id.startswith("D")

    @property
    def ephemeral(self) -> list[Message]:
        return [item for item in self.posted if item.to and not item.deleted]

    @property
    def files(self) -> list[File]:
        return [file for item in self.messages for file in item.files]


@dataclass(slots=True)
class Dialog:
    """A view that was opened for a person."""

    id: str
    view: JSON
    user: User
    open: bool = True

    @property
    def text(self) -> str:
        return words(self.view["blocks"])


def words(blocks: list[JSON]) -> str:
    """Return every text in blocks, one element a line; what lies side by side stays together."""
    return "\n".join(line for block in blocks for line in _lines(block))


def _lines(part: Mapping[str, Any]) -> Iterator[str]:
    kind = part.get("type")
    if kind in ("rich_text_section", "rich_text_preformatted", "rich_text_quote"):
        yield "".join(map(_inline, part["elements"]))
    elif kind in ("plain_text", "mrkdwn", "markdown"):
        yield part["text"]
    elif kind not in ("button", "image"):
        for name in ("label", "hint", "placeholder", "text", "fields", "elements"):
            value = part.get(name)
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, dict):
                    yield from _lines(item)


def _inline(part: Mapping[str, Any]) -> str:
    shown = {"user": "@{user_id}", "emoji": ":{name}:"}.get(part["type"])
    return shown.format_map(part) if shown else str(part.get("text") or part.get("url", ""))

"""What every simulated chat platform contains: people, conversations, messages and limits."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from smartops import Clock

BOT = "bot"
"""The author of what SmartOps says."""


@dataclass(kw_only=True)
class Message:
    """A message. ``to`` is the one person who sees it; empty: everyone."""

    id: str
    author: str
    thread: str = ""
    to: str = ""
    edits: int = 0
    deleted: bool = False


M = TypeVar("M", bound=Message)


@dataclass(kw_only=True)
class Conversation(Generic[M]):
    """A chat or a channel. ``bot_is_in`` says whether SmartOps is a member."""

    id: str
    name: str
    bot_is_in: bool = True
    members: dict[str, Any] = field(default_factory=dict)
    posted: list[M] = field(default_factory=list)

    @property
    def threads(self) -> bool:
        """Whether the page shows threads."""
        return True

    @property
    def messages(self) -> list[M]:
        """What everyone sees there, in order."""
        return [item for item in self.posted if not (item.to or item.deleted)]

    @property
    def answers(self) -> list[M]:
        """The messages of SmartOps to everyone, without deleted ones."""
        return [item for item in self.messages if item.author == BOT]

    def find(self, id: str) -> M | None:
        found = (item for item in self.posted if item.id == id and not item.deleted)
        return next(found, None)


@dataclass(frozen=True, kw_only=True)
class User:
    """A person; ``identity`` is the one in the configuration of SmartOps."""

    name: str
    id: str
    identity: str


class Meter:
    """Counts calls in sliding windows, each a limit and seconds."""

    def __init__(self, clock: Clock, *windows: tuple[int, float]) -> None:
        self._clock, self._windows = clock, windows
        self._times: deque[float] = deque(maxlen=max(limit for limit, _ in windows))
        self._closed = (0.0, 0.0)

    def close(self, seconds: float, grace: float = 0.0) -> None:
        """Expect no call for a while; those within ``grace`` were sent before the refusal."""
        now = self._clock.time()
        self._closed = (now + grace, now + seconds)

    @property
    def closed(self) -> bool:
        since, until = self._closed
        return since <= self._clock.time() < until

    def take(self) -> int:
        """Count a call; return for how many seconds to wait if it is one too many."""
        now, times = self._clock.time(), self._times
        full = ((limit, span) for limit, span in self._windows if len(times) >= limit)
        wait = max((times[-limit] + span - now for limit, span in full), default=0.0)
        if wait <= 0:
            times.append(now)
        return max(0, math.ceil(wait))


def value_of(
    name: str, inputs: Mapping[str, str], initial: str, choices: Collection[str], required: str
) -> str:
    """Return the value of a field in a form; raises ValueError as a client would complain.

    ``inputs`` are by name, or by its last word. ``required`` is the text for an empty field.
    """
    value = inputs.get(name) or inputs.get(re.split(r"[.:]", name)[-1]) or initial
    if required and not value:
        raise ValueError(required)
    if value and choices and value not in choices:
        raise ValueError(f"{value} is not among the choices of {name}")
    return value


def walk(thing: Any) -> Iterator[dict[str, Any]]:
    """Walk over every object in JSON, in order."""
    if isinstance(thing, dict):
        yield thing
        for value in thing.values():
            yield from walk(value)
    elif isinstance(thing, list):
        for value in thing:
            yield from walk(value)

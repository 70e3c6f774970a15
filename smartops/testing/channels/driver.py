"""The platform's side of a channel, as the contract needs it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Press = Literal["confirm", "cancel", "command"]


@dataclass(frozen=True, slots=True)
class Wire:
    """One request of the platform. Header names are in lower case.

    ``thread`` names the thread that an answer belongs to, empty where there are none.
    """

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    thread: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """What the server answered to a request."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Handshake:
    """A request with which the platform makes sure of the bot, and what the answer must hold."""

    wire: Wire
    holds: bytes


@dataclass(frozen=True, slots=True)
class Seen:
    """Something the bot has said, as people see it now.

    ``text`` is what can be read, files included; ``buttons`` are the kinds of
    those that can be pressed. ``to`` is the one person who sees it, empty where
    everybody does. ``calls`` are the people and groups that it alerts.
    ``platform`` is the driver's own.
    """

    text: str
    buttons: frozenset[str] = frozenset()
    to: str = ""
    thread: str = ""
    calls: tuple[str, ...] = ()
    platform: Any = None


class ChannelDriver(ABC):
    """Makes the platform's requests, and sees what people see.

    ``provider`` is that of the identities of its people. ``pushes`` says that
    answers are sent by ``Channel.send``; otherwise they are in the responses.
    ``whispers`` says that the platform can show something to one person alone.
    ``reads`` says whether people read the view of a reply; a channel for
    programs shows them the data.
    """

    provider: str
    pushes: bool = True
    whispers: bool = True
    threads: bool = True
    reads: bool = True

    @abstractmethod
    def says(self, text: str, *, user: str = "alice", thread: str = "") -> Wire:
        """Return the request that tells of somebody saying something to the bot; a new act."""

    @abstractmethod
    def presses(self, seen: Seen, what: Press, *, user: str = "alice") -> Wire:
        """Return the request that tells of somebody pressing a button; a new act."""

    @abstractmethod
    def unproven(self, wire: Wire) -> Mapping[str, Wire]:
        """Return what a forger would send instead: without proof, with a bad and with a stale one.

        By what is wrong with each.
        """

    @abstractmethod
    def seen(self) -> Sequence[Seen]:
        """Return everything the bot has said and not taken back, in order."""

    def rejected(self) -> Sequence[str]:
        """Return what the platform refused of what the bot wanted to say."""
        return ()

    def handshakes(self) -> Sequence[Handshake]:
        """Return the requests with which the platform makes sure of the bot."""
        return ()

    def own(self, text: str) -> Sequence[Wire]:
        """Return the requests that tell the bot of what bots said, itself among them."""
        return ()

    def edits(self, text: str) -> Sequence[Wire]:
        """Return the requests that tell of somebody changing an old message to a text."""
        return ()

    @abstractmethod
    def hears(self, wire: Wire, answered: Answered) -> None:
        """Take note of what was answered in the response to a request."""

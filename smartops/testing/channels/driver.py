"""The platform's side of a channel, for the contract tests."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Press = Literal["confirm", "cancel", "command"]


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One request of the platform. Header names are in lower case.

    ``thread`` is the thread in which the reply belongs, empty if there are no threads.
    """

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    thread: str = ""


@dataclass(frozen=True, slots=True)
class WireResponse:
    """The server's HTTP response to a request."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Handshake:
    """A request by which the platform verifies the bot, and what the response must contain."""

    wire: WireRequest
    holds: bytes


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """A message of the bot, as people see it now.

    ``text`` is the readable text, files included; ``buttons`` are the types of
    the buttons that can be pressed. ``to`` is the only person who sees it, empty
    if everybody does. ``calls`` are the people and groups that it notifies.
    ``platform`` is for the driver's own use.
    """

    text: str
    buttons: frozenset[str] = frozenset()
    to: str = ""
    thread: str = ""
    calls: tuple[str, ...] = ()
    platform: Any = None


class ChannelDriver(ABC):
    """Makes the platform's requests, and returns what people see.

    ``provider`` is the provider of its people's identities. ``pushes``: replies
    are sent by ``Channel.send``; otherwise they are in the responses.
    ``private_messages``: the platform can show a message to one person only.
    ``reads``: people read the view of a reply; a channel for programs shows the
    data instead.
    """

    provider: str
    pushes: bool = True
    private_messages: bool = True
    threads: bool = True
    reads: bool = True

    @abstractmethod
    def says(self, text: str, *, user: str = "alice", thread: str = "") -> WireRequest:
        """Return the request for a new message of a person to the bot."""

    @abstractmethod
    def presses(self, seen: ShownMessage, what: Press, *, user: str = "alice") -> WireRequest:
        """Return the request for a new press of a button."""

    @abstractmethod
    def forge(self, wire: WireRequest) -> Mapping[str, WireRequest]:
        """Return forgeries of a request, by what is wrong with each.

        At least without proof of origin, with an invalid and with an expired one.
        """

    @abstractmethod
    def seen(self) -> Sequence[ShownMessage]:
        """Return all messages of the bot that were not deleted, in order."""

    def rejected(self) -> Sequence[str]:
        """Return why the platform rejected requests of the bot."""
        return ()

    def handshakes(self) -> Sequence[Handshake]:
        """Return the requests by which the platform verifies the bot."""
        return ()

    def bot_messages(self, text: str) -> Sequence[WireRequest]:
        """Return the requests for messages of bots, the bot itself among them."""
        return ()

    def edits(self, text: str) -> Sequence[WireRequest]:
        """Return the requests for edits of an old message to ``text``."""
        return ()

    @abstractmethod
    def record_response(self, wire: WireRequest, response: WireResponse) -> None:
        """Record the response to a request."""

"""What answering needs to know: kept in the message, for it may have to survive a restart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from smartops import Message

from .payload import is_direct

ANSWER_SECONDS = 1790.0
"""How long a ``response_url`` is used; Slack says 30 minutes."""

TRIGGER_SECONDS = 2.5
"""How long after its arrival a trigger is used to open a dialog; Slack says 3 seconds in all."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an answer goes.

    ``thread`` is the ``ts`` of the message that begins the thread, if there is
    one. ``response_url`` answers without being a member of the channel, until
    ``response_until``; ``trigger`` opens a dialog, until ``trigger_until``
    (seconds since the epoch). ``asked`` is what was typed where nobody else saw it.
    """

    channel: str
    user: str
    thread: str = ""
    response_url: str = ""
    response_until: float = 0.0
    trigger: str = ""
    trigger_until: float = 0.0
    asked: str = ""

    @property
    def direct(self) -> bool:
        """Whether only two are there: the person and the bot, if the bot can post at all."""
        return is_direct(self.channel)

    @classmethod
    def of(cls, message: Message) -> Self:
        """Return the address that a message carries."""
        return cls(**message.reference)


@dataclass(frozen=True, slots=True)
class Shown:
    """A message of ours. Its text, ``CHANNEL:TS``, is what SmartOps knows it by.

    An ephemeral one can only be changed in answer to a press of its own buttons.
    """

    channel: str
    ts: str
    ephemeral: bool = False

    def __str__(self) -> str:
        return f"{self.channel}:{self.ts}{':ephemeral' if self.ephemeral else ''}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return what :meth:`__str__` wrote."""
        channel, _, rest = text.partition(":")
        ts, _, mark = rest.partition(":")
        return cls(channel, ts, mark == "ephemeral")

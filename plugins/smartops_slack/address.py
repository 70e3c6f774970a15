"""Where a message came from, where its reply goes, and which message of ours shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

from smartops import Message

CHANNEL = "slack"


def is_direct(conversation: str) -> bool:
    """Return whether a conversation is between one person and the bot."""
    return conversation.startswith("D")


class Origin(NamedTuple):
    """The workspace and organisation of an input, and the person's own workspace if it is known.

    It is ``external`` if the channel is shared with other companies.
    """

    team: str
    enterprise: str = ""
    home: str = ""
    external: bool = False


class UserInput(NamedTuple):
    """A typed message, a pressed button or a submitted form, in whichever payload it came.

    ``answers`` is a ``response_url``, ``trigger`` opens a dialog, ``asked`` is a slash
    command as it was typed.
    """

    id: str
    origin: Origin
    user: str
    channel: str
    thread: str = ""
    text: str = ""
    action: str = ""
    form: Mapping[str, str] = {}
    shown_in: str = ""
    name: str = ""
    answers: str = ""
    trigger: str = ""
    asked: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a reply goes; the message carries it, so that it survives a restart.

    ``thread`` is the ``ts`` of the first message of the thread. ``response_url`` answers
    without membership of the channel, until ``response_until``; ``trigger`` opens a dialog,
    until ``trigger_until`` (seconds since the epoch). ``asked`` is a slash command, which
    Slack shows to no other person.
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
        """Whether only the person and the bot are in the conversation."""
        return is_direct(self.channel)

    @classmethod
    def of(cls, message: Message) -> Self:
        """Return the address that a message carries."""
        return cls(**message.reference, **message.short_lived)


@dataclass(frozen=True, slots=True)
class Posted:
    """A message of ours. As text, ``CHANNEL:TS[:ephemeral]``, it is its id in SmartOps.

    An ephemeral message can only be changed in answer to a press of its own buttons.
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

"""What comes in: raw requests, messages, and the people and places they come from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .errors import ValidationFailed
from .jsonable import members


@dataclass(frozen=True, slots=True)
class Identity:
    """An immutable platform id: never a name, never an e-mail address.

    ``provider`` is the channel or the trusted issuer that vouches for it,
    ``tenant`` the organisation within it (empty where there is none).
    """

    provider: str
    tenant: str
    id: str

    def __str__(self) -> str:
        return ":".join(filter(None, (self.provider, self.tenant, self.id)))


def parse_identity(text: str) -> Identity | None:
    """Read ``provider:id`` or ``provider:tenant:id``; None if it is neither.

    The id may hold colons; if it does and has no tenant, write ``provider::id``.
    """
    provider, _, rest = text.partition(":")
    tenant, colon, object_id = rest.partition(":")
    if not colon:
        tenant, object_id = "", tenant
    return Identity(provider, tenant, object_id) if provider and object_id else None


@dataclass(frozen=True, slots=True)
class Person:
    """Who an identity belongs to, and the roles they hold (inherited ones included).

    ``name`` is the key in ``people:``, or the identity itself for a guest.
    """

    name: str
    roles: frozenset[str]
    identity: Identity

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was said, by immutable ids; empty where the platform has no such level."""

    channel: str
    tenant: str = ""
    team: str = ""
    room: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.channel, self.tenant, self.team, self.room)))


class Headers:
    """Request headers, looked up by lower-case name."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self._pairs = tuple(pairs)

    def get(self, name: str) -> str | None:
        """Return the value, or None if absent.

        Raises ValidationFailed if the header is repeated: whoever checks one
        copy while another is used has checked nothing.
        """
        wanted = name.encode("ascii")
        found = None
        for key, value in self._pairs:
            if key == wanted:
                if found is not None:
                    raise ValidationFailed(f"the header {name} is repeated")
                found = value
        return None if found is None else found.decode("latin-1")


@dataclass(frozen=True, slots=True)
class Inbound:
    """One raw HTTP request or socket frame. ``body`` is as received, to the byte."""

    method: str
    path: str
    headers: Headers
    body: bytes
    request_id: str
    peer: str = ""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a channel has proven about an inbound.

    ``identity`` is the proven sender, or None when the platform vouches for
    the request and the sender stands in its body. ``team`` is the key of the
    shared rate limit. ``raw`` holds the verified token's claims. ``roles`` are
    those that the proof gives, besides those of the configuration.
    """

    identity: Identity | None
    team: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """What a channel makes of an inbound: one act of one sender.

    ``id`` is the platform's id of the act and empty when it gave none; two
    messages with the same channel, conversation and id are the same act.
    ``text`` is what was typed, already free of the mention that woke the bot.
    ``action`` is the opaque value of a pressed button, else empty, and
    ``shown_in`` the platform's id of the message the button was in. ``form``
    holds what was filled in, by name of the argument; ``text`` is then the
    command as far as it was known.
    ``claimed`` is a sender that was stated but not proven: recorded, never
    believed. ``acting`` is who spoke for the sender, with the proven right to do
    so: recorded as well. ``asks`` says that the channel can
    ask the sender back. ``reference`` is the channel's own, for answering.
    ``roles`` are those that the proof of the sender gives; they count for this
    message only.
    """

    id: str
    channel: str
    conversation: str
    sender: Identity
    place: Place
    at: datetime
    request_id: str
    text: str = ""
    action: str = ""
    thread: str = ""
    team: str = ""
    sender_name: str = ""
    claimed: str = ""
    reference: Mapping[str, Any] = field(default_factory=dict)
    shown_in: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
    asks: bool = False
    acting: str = ""
    roles: tuple[str, ...] = ()

    def dump(self) -> bytes:
        """Return the message as JSON, to be kept; :meth:`load` reads it."""
        kept = members(self)
        kept["sender"] = members(self.sender)
        kept["place"] = members(self.place)
        kept["at"] = self.at.isoformat()
        return _JSON.encode(kept).encode()

    @classmethod
    def load(cls, kept: bytes) -> Message:
        """Return the message that was kept."""
        members = json.loads(kept)
        members["sender"] = Identity(**members["sender"])
        members["place"] = Place(**members["place"])
        members["at"] = datetime.fromisoformat(members["at"])
        members["roles"] = tuple(members.get("roles", ()))
        return cls(**members)


_JSON = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer as a channel wants it."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a channel read from an inbound.

    With ``waits`` the platform wants the answer in this very response: the
    server then handles the messages and answers ``channel.respond(...)``.
    Otherwise it answers ``ack`` at once and hands each reply to
    ``channel.send(...)``.

    ``ack_timeout`` is for how many seconds the platform waits; what takes longer is
    answered with a sign of work, and its reply follows by ``channel.send(...)``.
    0 is for callers who are not sent anything: they wait as long as
    ``server.wait`` says, and ask again.
    """

    messages: tuple[Message, ...] = ()
    ack: Response = Response()
    waits: bool = False
    ack_timeout: float = 0.0

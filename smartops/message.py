"""What comes in: raw requests, messages, and the people and places they come from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
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
    """The place of a message, by immutable ids; empty where the platform has no such level."""

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

        Raises ValidationFailed if the header is repeated: one copy might be
        checked and the other used.
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
    """The result of authenticating an inbound request.

    ``identity`` is the authenticated sender, or None if the platform vouches for
    the request and its body names the sender. ``team`` is the key of the
    shared rate limit. ``raw`` holds the verified token's claims. ``roles`` are
    those that the proof gives, besides those of the configuration.
    """

    identity: Identity | None
    team: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One message of one sender, as a channel reads it from an inbound request.

    ``id`` is the platform's id, empty if it gave none; messages with the same
    channel, conversation and id are duplicates. ``text`` is what was typed,
    without the mention of the bot. ``action`` is the opaque value of a pressed
    button, and ``shown_in`` the platform's id of the message with the button.
    ``form`` holds the submitted values by name of the argument; ``text`` is then
    the incomplete command.

    ``claimed`` is a sender that was stated but not authenticated: it is only
    recorded. ``acting`` is who sent the message for the sender, with the right to
    impersonate. ``schedule`` is the id of the schedule that sent it.
    ``asks`` is True if the channel can ask the sender a question.
    ``reference`` is the channel's own, for sending the reply. So is ``short_lived``, such
    as a URL that is as good as a token: it is stored until the reply is sent, and in no
    approval or operation. ``roles`` are
    given by the sender's token, for this message only.
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
    short_lived: Mapping[str, Any] = field(default_factory=dict)
    shown_in: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
    asks: bool = False
    acting: str = ""
    schedule: str = ""
    roles: tuple[str, ...] = ()

    def lasting(self) -> Message:
        """Return the message without what is of no use after the reply."""
        return replace(self, short_lived={}) if self.short_lived else self

    def dump(self) -> bytes:
        """Return the message as JSON for the store; :meth:`load` reads it."""
        stored = members(self)
        stored["sender"] = members(self.sender)
        stored["place"] = members(self.place)
        stored["at"] = self.at.isoformat()
        return _JSON.encode(stored).encode()

    @classmethod
    def load(cls, stored: bytes) -> Message:
        """Return the message that :meth:`dump` stored."""
        members = json.loads(stored)
        members["sender"] = Identity(**members["sender"])
        members["place"] = Place(**members["place"])
        members["at"] = datetime.fromisoformat(members["at"])
        members["roles"] = tuple(members.get("roles", ()))
        return cls(**members)


_JSON = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Response:
    """The HTTP response of a channel."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """The messages that a channel read from an inbound request.

    With ``waits``, the platform expects the replies in the response:
    ``channel.respond(...)`` renders it. Otherwise the response is ``ack``, at once,
    and each reply is sent by ``channel.send(...)``.

    ``ack_timeout`` is how many seconds the platform waits. A later reply is sent by
    ``channel.send(...)``, and the response is a pending reply. 0 is for callers that
    cannot be sent anything: they wait for ``server.wait``, and then send the
    message again.
    """

    messages: tuple[Message, ...] = ()
    ack: Response = Response()
    waits: bool = False
    ack_timeout: float = 0.0

"""Identity to person and roles."""

from __future__ import annotations

from smartops.message import Identity, Person
from smartops.reply import Reply

from .turn import Parts, Proceed, Turn


async def identify(parts: Parts, proceed: Proceed, turn: Turn) -> Reply:
    """Find out who is asking."""
    turn.person = person_of(parts, turn.message.sender)
    return await proceed(turn)


def person_of(parts: Parts, identity: Identity) -> Person:
    """Return the person an identity belongs to; a stranger is a person without roles."""
    return parts.people.person(identity) or Person(str(identity), frozenset(), identity)

"""Identity to person and roles."""

from __future__ import annotations

from smartops.message import Person
from smartops.reply import Reply

from .turn import Parts, Proceed, Turn


async def identify(parts: Parts, proceed: Proceed, turn: Turn) -> Reply:
    """Find out who is asking; nobody's identity becomes a person without roles."""
    sender = turn.message.sender
    turn.person = parts.people.person(sender) or Person(str(sender), frozenset(), sender)
    return await proceed(turn)

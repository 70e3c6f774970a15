"""The same act twice is one act, across restarts and replicas."""

from __future__ import annotations

import hashlib

from smartops.message import Message
from smartops.reply import Reply

from .turn import Parts, Proceed, Turn


async def deduplicate(parts: Parts, proceed: Proceed, turn: Turn) -> Reply:
    """Claim the act; answer a repeated one as it was answered before.

    Where no answer was kept there was no effect to repeat (changes always leave
    one, and need an approval that works once), so the message goes on and is
    answered afresh. Channels that push stay silent about repeated acts.
    """
    if not turn.message.id:
        return await proceed(turn)
    turn.act = act_key(turn.message)
    turn.claimed = await parts.store.claim(turn.act)
    if turn.claimed:
        return await proceed(turn)
    turn.repeated = True
    answer = await parts.store.answer(turn.act)
    return Reply.load(answer) if answer else await proceed(turn)


def act_key(message: Message) -> str:
    """Return the key under which an act is claimed; it reveals nothing of the message."""
    parts = (message.channel, str(message.sender), message.conversation, message.id)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()

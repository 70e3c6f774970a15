"""The same act twice is one act, across restarts and replicas."""

from __future__ import annotations

import hashlib

from smartops.errors import ApprovalInvalid
from smartops.message import Message
from smartops.reply import Reply
from smartops.store import Operation, StoreUnavailable

from .ending import LOOK, ended, outcome_of
from .turn import Parts, Proceed, Turn


async def deduplicate(parts: Parts, proceed: Proceed, turn: Turn) -> Reply:
    """Claim the act; answer a repeated one as it was answered before.

    Where no answer was kept there was no effect to repeat (changes always leave
    one, and need an approval that works once), so the message goes on and is
    answered afresh. Channels that push stay silent about repeated acts.
    """
    if turn.message.id and not turn.claimed and turn.operation is None:
        turn.act = act_key(turn.message)
        turn.claimed = await parts.store.claim(turn.act)
        turn.repeated = not turn.claimed
    if turn.repeated or turn.retaken:
        answer, operation = await _known(parts, turn.act, insist=turn.retaken)
        if answer:
            return Reply.load(answer)
        if operation is not None:
            return await _told(parts, turn, operation)
    try:
        return await proceed(turn)
    except ApprovalInvalid:
        if turn.operation is not None or not turn.act:
            raise
        operation = await parts.store.operation_of(turn.act)
        if operation is None:
            raise
        return await _told(parts, turn, operation)  # the same act, sent twice, was faster


def act_key(message: Message) -> str:
    """Return the key under which an act is claimed; it reveals nothing of the message."""
    parts = (message.channel, str(message.sender), message.conversation, message.id)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


async def _told(parts: Parts, turn: Turn, operation: Operation) -> Reply:
    """Return what came of the operation that was begun for this act."""
    if turn.message.action:
        turn.watcher.accepted()
    turn.operation = operation = await ended(parts, operation, for_good=turn.claimed)
    turn.closes = operation.approval_id  # whoever began it may not have got so far
    return outcome_of(operation)


async def _known(parts: Parts, act: str, *, insist: bool) -> tuple[bytes | None, Operation | None]:
    """Return the answer to an act, or the operation begun for it; ``insist`` if the store is away.

    Who was not told how it ended must not hear, as the last word, that the store is away.
    """
    while True:
        try:
            answer = await parts.store.answer(act)
            return answer, None if answer else await parts.store.operation_of(act)
        except StoreUnavailable:
            if not insist:
                raise
        await parts.clock.sleep(LOOK)

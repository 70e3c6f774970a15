"""The same act twice is one act, across restarts and replicas."""

from __future__ import annotations

import hashlib
import json

from smartops.errors import ApprovalInvalid, ValidationFailed
from smartops.message import Message
from smartops.reply import Reply
from smartops.store import Operation, StoreUnavailable

from .ending import LOOK, ended, outcome_of
from .turn import Parts, Proceed, Turn

GLANCE = 0.5
"""After how many seconds an act that another process claimed is looked at again."""


class IdReused(ValidationFailed):
    """Another message with the same id came before."""

    status = 409


async def deduplicate(parts: Parts, proceed: Proceed, turn: Turn) -> Reply:
    """Claim the act; answer a repeated one as the first one was, or will be, answered.

    Where its answer was not kept there was no effect to repeat (changes always
    leave one, and need an approval that works once), so the message goes on and
    is answered afresh. Channels that push stay silent about repeated acts.
    """
    if turn.message.id and not turn.claimed and turn.operation is None:
        turn.act = act_key(turn.message)
        turn.claimed = await parts.store.claim(turn.act, digest_of(turn.message))
        turn.repeated = not turn.claimed
    answer: Reply | None = None
    if turn.repeated:
        answer = await _first_answer(parts, turn)
    elif turn.retaken:
        answer = await _left_answer(parts, turn)
    if answer is not None:
        return answer
    if turn.claimed:
        parts.running.begin(turn.act)
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


def digest_of(message: Message) -> str:
    """Return what tells two messages with one id apart; it reveals nothing of what was said."""
    said = json.dumps([message.text, message.action, sorted(message.form.items())])
    return hashlib.sha256(said.encode()).hexdigest()


async def _first_answer(parts: Parts, turn: Turn) -> Reply | None:
    """Return the answer to the message that came first, waiting for it in any process.

    None if it is to be given here: the answer was not kept, or the process that
    claimed the act stopped before it began anything. Raises IdReused if that
    message said something else.
    """
    digest = digest_of(turn.message)
    while True:
        known = await parts.store.known(turn.act)
        if known is not None and known.digest not in ("", digest):
            raise IdReused(
                "The id of this message was used for another one",
                details="Nothing was done. Send it with an id of its own.",
            )
        if known is not None and known.answer:
            return Reply.load(known.answer)
        operation = await parts.store.operation_of(turn.act)
        if operation is not None:
            return await _told(parts, turn, operation)
        if known is None:
            turn.claimed = await parts.store.claim(turn.act, digest)
        elif known.lease_until <= parts.clock.time():
            turn.claimed = await parts.store.retake(turn.act)
        if turn.claimed:
            turn.repeated = False
            return None
        if not await parts.running.wait(turn.act):
            await parts.clock.sleep(GLANCE)


async def _told(parts: Parts, turn: Turn, operation: Operation) -> Reply:
    """Return what came of the operation that was begun for this act."""
    if turn.message.action:
        turn.watcher.accepted()
    turn.operation = operation = await ended(parts, operation)
    turn.closes = operation.approval_id  # whoever began it may not have got so far
    return outcome_of(operation)


async def _left_answer(parts: Parts, turn: Turn) -> Reply | None:
    """Return what an earlier process answered, or what came of the operation it began.

    Who was not told how it ended must not hear, as the last word, that the store is away.
    """
    while True:
        try:
            answer = await parts.store.answer(turn.act)
            operation = None if answer else await parts.store.operation_of(turn.act)
        except StoreUnavailable:
            await parts.clock.sleep(LOOK)
            continue
        if answer:
            return Reply.load(answer)
        return await _told(parts, turn, operation) if operation else None

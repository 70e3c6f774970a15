"""The same act twice is one act, across restarts and replicas."""

from __future__ import annotations

import hashlib
from contextlib import suppress

from smartops.errors import ApprovalInvalid
from smartops.message import Message
from smartops.reply import Reply, Severity, Text
from smartops.store import Operation, StoreUnavailable

from .turn import Parts, Proceed, Turn

LOOK = 2.0
"""After how many seconds an operation that another process carries out is looked at again."""


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
    operation = await _ended(parts, operation, for_good=turn.claimed)
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


async def _ended(parts: Parts, operation: Operation, *, for_good: bool) -> Operation:
    """Wait for an operation that is carried out here, or anywhere if it is to be ``for_good``.

    Whoever claimed the act, or took it over, answers it once: what is kept as its
    answer must be how it ended, also if somebody else carries it out.
    """
    while operation.state == "running" and await parts.running.wait(operation.id):
        operation = await _looked_at(parts, operation)
    return await ended_elsewhere(parts, operation) if for_good else operation


async def ended_elsewhere(parts: Parts, operation: Operation) -> Operation:
    """Wait for an operation to end, whichever process carries it out."""
    while operation.state == "running":
        await parts.clock.sleep(LOOK)
        operation = await _looked_at(parts, operation)
    return operation


async def _looked_at(parts: Parts, operation: Operation) -> Operation:
    with suppress(StoreUnavailable):
        return await parts.store.operation(operation.id) or operation
    return operation


def outcome_of(operation: Operation) -> Reply:
    """Return what is known of how an operation went."""
    if operation.answer:
        return Reply.load(operation.answer)
    data = {"operation": operation.id, "state": operation.state}
    if operation.state == "running":
        text = f"Under way: {operation.command_text} ({operation.id})"
        return Reply(status="pending", data=data, view=(Text(text),))
    if operation.state == "failed":
        text = f"Failed: {operation.command_text} ({operation.id})"
        return Reply(data=data, view=(Text(text, severity=Severity.WARNING),))
    return Reply(data=data, view=_unknown(operation))


def given_up(operation: Operation, refusal: Reply) -> Reply:
    """Return the outcome of an operation that was begun and may not go on, and why."""
    data = {"operation": operation.id, "state": "unknown"}
    return Reply(data=data, view=(*_unknown(operation), *refusal.view))


def _unknown(operation: Operation) -> tuple[Text, Text]:
    text = f"Outcome unknown: {operation.command_text} ({operation.id})"
    return (
        Text(text, severity=Severity.CRITICAL),
        Text(
            "SmartOps was stopped while it was under way. It may or may not have taken "
            "effect: look before you repeat it."
        ),
    )

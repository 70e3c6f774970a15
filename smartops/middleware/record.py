"""Intent before the effect, outcome after."""

from __future__ import annotations

import json
import logging
import secrets
from dataclasses import asdict, replace

import anyio

from smartops.command import Command, Effect
from smartops.contained import CANCELLED
from smartops.errors import (
    ApprovalInvalid,
    BackendUnavailable,
    DeadlineExceeded,
    Refusal,
    ValidationFailed,
)
from smartops.reply import Reply
from smartops.store import Operation, OperationState, StoreUnavailable

from .ending import LOOK_FIRST, cancelled, ended_elsewhere, outcome_of
from .outcome import unforeseen
from .running import StoredWork
from .turn import Parts, Proceed, Turn

log = logging.getLogger("smartops.gate")


async def record(parts: Parts, proceed: Proceed, turn: Turn) -> Reply:
    """Write the intent of a change, using up its approval, then let it happen.

    Reads that may outlast the process are operations too; other reads leave
    nothing but their outcome.
    """
    assert turn.command is not None
    if turn.operation is None:
        if turn.effect is Effect.READ and not turn.command.takes_work:
            return await proceed(turn)
        turn.operation = await _begun(parts, turn)
    elif not _can_go_on(turn.command, turn.operation):
        raise ValidationFailed(f"{turn.command.name} can no longer go on where it was stopped")
    return await _carried_out(parts, proceed, turn, turn.operation)


def _can_go_on(command: Command, operation: Operation) -> bool:
    return command.resumable or (command.takes_work and operation.steps != "{}")


async def _begun(parts: Parts, turn: Turn) -> Operation:
    operation = _operation(parts, turn)
    if turn.approval is None:
        if not await parts.store.begin(operation):
            raise ApprovalInvalid("This was begun in the meantime", details="See: history")
    elif await parts.store.accept(turn.approval.id, operation):
        turn.closes = turn.approval.id
        turn.watcher.accepted()
    else:
        raise ApprovalInvalid("This confirmation was used in the meantime", details="See: history")
    return operation


async def _carried_out(parts: Parts, proceed: Proceed, turn: Turn, operation: Operation) -> Reply:
    """Carry it out, and keep how it ended.

    Whatever cuts it short leaves an operation that says so: failed when the
    backend refused, unknown when nobody can tell, and still running when
    another process can go on with it.
    """
    assert turn.call is not None
    assert turn.command is not None
    turn.call = replace(turn.call, act=operation.id)
    work: StoredWork
    state: OperationState | None = None
    reply: Reply | None = None
    with parts.running.carry(operation.id) as scope:
        turn.work = work = StoredWork(
            parts.store, operation, turn.watcher, scope, resumable=turn.command.resumable
        )
        try:
            reply = _complete(operation, await proceed(turn))
            state = "done"
        except Refusal as refusal:
            state = "unknown" if _is_ambiguous(refusal, turn) else "failed"
            reply = Reply.refused(refusal)
            raise
        except CANCELLED:
            raise
        except BaseException as error:
            failure = unforeseen(turn, error, "" if turn.effect is Effect.READ else LOOK_FIRST)
            state, reply = "unknown", Reply.refused(failure)
            raise failure from error
        finally:
            if scope.cancel_called and reply is None:  # else it was over before it was cancelled
                changes = turn.effect is not Effect.READ
                state, reply = "unknown", cancelled(operation, changes=changes)
            state = state or ("running" if work.resumable else "unknown")
            turn.operation = replace(operation, state=state)
            if not work.taken_over:
                with anyio.CancelScope(shield=True):
                    await _ended(parts, operation, state, reply)
    if work.taken_over:
        return outcome_of(await ended_elsewhere(parts, operation))
    return reply or cancelled(operation, changes=turn.effect is not Effect.READ)


def _complete(operation: Operation, reply: Reply) -> Reply:
    """Return the reply of an operation; raises TypeError or ValueError if it cannot be kept."""
    complete = replace(reply, data={**reply.data, "operation": operation.id})
    complete.dump()
    return complete


def _is_ambiguous(refusal: Refusal, turn: Turn) -> bool:
    """Return True if the change may have been made although it was refused."""
    if turn.effect is Effect.READ:
        return False
    if isinstance(refusal, BackendUnavailable):
        return not refusal.undone
    return isinstance(refusal, DeadlineExceeded)


async def _ended(
    parts: Parts, operation: Operation, state: OperationState, reply: Reply | None
) -> None:
    try:
        if state == "running":
            await parts.store.yield_lease(operation.id)
        else:
            await parts.store.finish(operation.id, state, reply.dump() if reply else None)
    except StoreUnavailable:  # what happened has happened; its end is kept when the store is back
        log.warning("%s is %s, which the store does not know yet", operation.id, state)


def _operation(parts: Parts, turn: Turn) -> Operation:
    call, command = turn.call, turn.command
    assert call is not None
    assert command is not None
    return Operation(
        id=f"op-{secrets.token_hex(6)}",
        person=call.person.name,
        command_text=call.text,
        plan=json.dumps(asdict(turn.plan)) if turn.plan else "",
        approval_id=turn.approval.id if turn.approval else "",
        channel=turn.message.channel,
        conversation=turn.message.conversation,
        message=turn.message.dump().decode(),
        owner=parts.store.owner,
        started=parts.clock.time(),
        act=turn.act,
        resumable=command.resumable,
    )

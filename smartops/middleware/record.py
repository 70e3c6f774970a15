"""Intent before the effect, outcome after."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, replace

import anyio

from smartops.command import Effect
from smartops.errors import ApprovalInvalid, BackendUnavailable, DeadlineExceeded, Refusal
from smartops.reply import Reply
from smartops.store import Operation, OperationState

from .turn import Parts, Proceed, Turn


async def record(parts: Parts, proceed: Proceed, turn: Turn) -> Reply:
    """Use up the approval and write the intent in one transaction, then let the change happen.

    Whatever cuts the change short leaves an operation that says so: failed when
    the backend refused, unknown when nobody can tell.
    """
    if turn.effect is Effect.READ:
        return await proceed(turn)
    operation = _operation(parts, turn)
    assert turn.approval is not None
    assert turn.call is not None
    if not await parts.store.accept(turn.approval, operation):
        raise ApprovalInvalid(
            "This confirmation was used in the meantime", details="Look at: history"
        )
    turn.call = replace(turn.call, act=operation.id)
    state: OperationState = "unknown"
    answer = None
    try:
        reply = await proceed(turn)
        reply = replace(reply, data={**reply.data, "operation": operation.id})
        state, answer = "done", reply.dump()
    except (DeadlineExceeded, BackendUnavailable):
        raise  # it may have happened
    except Refusal:
        state = "failed"
        raise
    finally:
        with anyio.CancelScope(shield=True):
            await parts.store.finish(operation.id, state, answer)
    return reply


def _operation(parts: Parts, turn: Turn) -> Operation:
    call, approval, plan = turn.call, turn.approval, turn.plan
    assert call is not None
    assert approval is not None
    assert plan is not None
    return Operation(
        id=f"op-{secrets.token_hex(6)}",
        person=call.person.name,
        command_text=call.text,
        plan=json.dumps(asdict(plan)),
        approval_id=approval.id,
        channel=turn.message.channel,
        conversation=turn.message.conversation,
        reference=json.dumps(dict(turn.message.reference)),
        owner=parts.owner,
        started=parts.clock.time(),
    )

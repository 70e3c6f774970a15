"""Changing commands are planned, shown, and confirmed."""

from __future__ import annotations

from dataclasses import asdict

from smartops.command import Effect
from smartops.errors import ApprovalInvalid
from smartops.plan import Plan
from smartops.reply import Reply, Text

from .asking import ask, changes
from .turn import Parts, Proceed, Turn


async def approve(parts: Parts, proceed: Proceed, turn: Turn) -> Reply:
    """Answer a changing command with its plan; let it through when that plan was approved.

    The plan is made again for the approval: what would be done now must be what
    was shown then, to the last target.
    """
    assert turn.call is not None
    if turn.operation is not None:
        return await proceed(turn)  # it was approved before it was begun
    if turn.effect is Effect.READ:
        if turn.approval is not None:
            raise ApprovalInvalid("This confirmation is not for a change")
        return await proceed(turn)
    turn.plan = plan = await parts.wired[turn.call.command].plan(turn.call)
    digest = _digest(turn, plan)
    if plan.idle and turn.approval is None:
        return _nothing_to_do(plan)
    if turn.approval is None:
        return await ask(parts, turn, plan, digest)
    if digest != turn.approval.digest:
        await parts.store.cancel(turn.approval.id)
        turn.closes = turn.approval.id
        raise ApprovalInvalid(
            "What would be done has changed since you were asked",
            details=f"Nothing was done. Repeat the command to see the new plan: {turn.call.text}",
        )
    return await proceed(turn)


def _nothing_to_do(plan: Plan) -> Reply:
    """Return the answer to a change that would change nothing; nobody need confirm it."""
    data = {"plan": asdict(plan), "changed": False}
    return Reply(data=data, view=(Text(plan.summary), *changes(plan)))


def _digest(turn: Turn, plan: Plan) -> str:
    call = turn.call
    assert call is not None
    return plan.digest(call.person.name, call.text, *(target.id for target in call.targets))

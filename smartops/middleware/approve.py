"""Changing commands are planned, shown, and confirmed."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import asdict

from smartops.command import Effect
from smartops.errors import ApprovalInvalid
from smartops.plan import Plan
from smartops.reply import Action, Block, Code, Reply, Severity, Table, Text
from smartops.store import Approval, approval_key

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
        return await _ask(parts, turn, plan, digest)
    if digest != turn.approval.digest:
        await parts.store.cancel(turn.approval)
        turn.closes = turn.approval.key
        raise ApprovalInvalid(
            "What would be done has changed since you were asked",
            details=f"Nothing was done. Repeat the command to see the new plan: {turn.call.text}",
        )
    return await proceed(turn)


def _nothing_to_do(plan: Plan) -> Reply:
    """Return the answer to a change that would change nothing; nobody need confirm it."""
    blocks: list[Block] = [Text(plan.summary), *_changes(plan)]
    return Reply(data={"plan": asdict(plan), "changed": False}, view=tuple(blocks))


def _changes(plan: Plan) -> tuple[Block, ...]:
    if not plan.changes:
        return ()
    rows = tuple((item.label, item.target, item.before, item.after) for item in plan.changes)
    return (Table(("Target", "Id", "Now", "Then"), rows),)


def _digest(turn: Turn, plan: Plan) -> str:
    call = turn.call
    assert call is not None
    return plan.digest(call.person.name, call.text, *(target.id for target in call.targets))


async def _ask(parts: Parts, turn: Turn, plan: Plan, digest: str) -> Reply:
    call, message = turn.call, turn.message
    assert call is not None
    token = base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()
    await parts.store.add_approval(
        Approval(
            id=token,
            person=call.person.name,
            command_text=call.text,
            digest=digest,
            channel=message.channel,
            conversation=message.conversation,
            expires=parts.clock.time() + parts.expires,
            plan=json.dumps(asdict(plan)),
            message=message.dump().decode(),
        )
    )
    understood = call.text if turn.understood else ""
    data = {"plan": asdict(plan), "expiresIn": int(parts.expires)}
    return Reply(
        status="pending",
        data={**data, "understood": understood} if understood else data,
        asks=approval_key(token),
        view=_shown(plan, parts.expires, understood),
        actions=(
            Action("confirm", "Yes, proceed", f"confirm_{token}"),
            Action("cancel", "Cancel", f"cancel_{token}"),
        ),
    )


def _shown(plan: Plan, expires: float, understood: str) -> tuple[Block, ...]:
    blocks: list[Block] = [Text(f"Confirmation required: {plan.summary}", style="title")]
    if understood:
        blocks.append(Code(understood, title="Understood as this command"))
    blocks += _changes(plan)
    if plan.command:
        blocks.append(Code(plan.command, title="Will run exactly this"))
    blocks += [Text(warning, severity=Severity.WARNING) for warning in plan.warnings]
    blocks.append(Text(f"Only you can confirm this, once, within {_span(expires)}.", style="note"))
    return tuple(blocks)


def _span(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes > 1 else f"{seconds:g} seconds"

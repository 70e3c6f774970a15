"""Plans as they are shown to whoever has to decide, with buttons."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import asdict, replace

from smartops.message import Message
from smartops.plan import Change, Plan
from smartops.reply import Action, Block, Code, Reply, Severity, Table, Text
from smartops.store import Approval, Showing, token_key

from .turn import Parts, Turn


async def ask(parts: Parts, turn: Turn, plan: Plan, digest: str) -> Reply:
    """Ask the person to confirm a plan, and keep that they were asked."""
    call = turn.call
    assert call is not None
    approval = Approval(
        id=f"ap-{secrets.token_hex(6)}",
        person=call.person.name,
        command_text=call.text,
        digest=digest,
        expires=parts.clock.time() + parts.expires,
        plan=json.dumps(asdict(plan)),
    )
    token, showing = _showing(turn.message, approval)
    await parts.store.add_approval(approval, showing)
    reply = _asking(plan, parts.expires, token)
    if turn.understood:
        reply = _with_command(reply, "Understood as this command", call.text)
        reply = replace(reply, data={**reply.data, "understood": call.text})
    return replace(reply, asks=showing.key)


async def ask_again(parts: Parts, message: Message, approval: Approval) -> Reply:
    """Show what waits for a decision once more, to the person whose it is."""
    token, showing = _showing(message, approval)
    await parts.store.show_approval(showing)
    left = approval.expires - parts.clock.time()
    reply = _asking(plan_of(approval), left, token)
    reply = _with_command(reply, "You asked for", approval.command_text)
    return replace(reply, asks=showing.key, private=True)


def plan_of(approval: Approval) -> Plan:
    """Return the plan that waits for approval."""
    kept = json.loads(approval.plan)
    changes = tuple(Change(**item) for item in kept["changes"])
    return Plan(**{**kept, "changes": changes, "warnings": tuple(kept["warnings"])})


def changes(plan: Plan) -> tuple[Block, ...]:
    """Return what shows the targets of a plan, now and then."""
    if not plan.changes:
        return ()
    rows = tuple(
        (
            item.label,
            item.target,
            item.before if item.before == item.after else f"{item.before} → {item.after}",
        )
        for item in plan.changes
    )
    return (Table(("Target", "ID", "Change"), rows, (("Target", "ID"),)),)


def _showing(message: Message, approval: Approval) -> tuple[str, Showing]:
    """Return a new token for an approval, and what is kept of the message that carries it."""
    token = base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()
    showing = Showing(
        key=token_key(token),
        approval=approval.id,
        channel=message.channel,
        conversation=message.conversation,
        expires=approval.expires,
        message=message.dump().decode(),
    )
    return token, showing


def _asking(plan: Plan, seconds: float, token: str) -> Reply:
    return Reply(
        status="pending",
        data={"plan": asdict(plan), "expiresIn": int(seconds)},
        view=_view(plan, seconds),
        actions=(
            Action("confirm", "Yes, proceed", f"confirm_{token}"),
            Action("cancel", "Cancel", f"cancel_{token}"),
        ),
    )


def _with_command(question: Reply, title: str, command: str) -> Reply:
    """Return the question with the command, for a place where nobody has just typed it."""
    headline, *rest = question.view
    return replace(question, view=(headline, Code(command, title=title), *rest))


def _view(plan: Plan, seconds: float) -> tuple[Block, ...]:
    blocks: list[Block] = [Text(f"Confirmation required: {plan.summary}", style="title")]
    blocks += changes(plan)
    if plan.command:
        blocks.append(Code(plan.command, title="Will run exactly this"))
    blocks += [Text(warning, severity=Severity.WARNING) for warning in plan.warnings]
    blocks.append(Text(f"Only you can confirm this, once, within {_span(seconds)}.", style="note"))
    return tuple(blocks)


def _span(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{minutes} minutes" if minutes > 1 else f"{int(seconds)} seconds"

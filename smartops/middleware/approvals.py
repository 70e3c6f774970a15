"""Approvals: a plan is shown with buttons, whose tokens stand for it, and is decided once."""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from smartops.command import EMERGENCY, REASON, Call, Effect
from smartops.errors import ApprovalInvalid, ValidationFailed
from smartops.grammar import dump_arguments
from smartops.message import Message, Person
from smartops.observer import DecisionEvent
from smartops.plan import Change, Plan
from smartops.render import plain
from smartops.reply import Action, Block, Code, Reply, Severity, Table, Text
from smartops.store import Approval, ApprovalMessage, Decision, Store, token_key

from .demands import Needed
from .questions import ask_reason
from .steps import Allowed, Answer, Parts, Understood, answer

_YES = frozenset({"yes", "y", "confirm", "ok", "proceed", "yes, proceed"})
_NO = frozenset({"no", "n"})
TOKEN = re.compile(r"(confirm|cancel)_([a-z2-7]{26})")


class ApprovalOver(ApprovalInvalid):
    """An approval that can no longer be confirmed: its messages lose their buttons."""

    def __init__(self, approval: Approval, message: str, details: str) -> None:
        super().__init__(message, details=details)
        self.approval = approval.id


async def approval_of(store: Store, person: Person, token: str) -> Approval:
    """Return the pending approval that a token stands for.

    Raises ApprovalInvalid. Only a person who sees the buttons has a token, so it
    names the person who can confirm.
    """
    approval = await store.approval_behind(token)
    if approval is None:
        raise ApprovalInvalid(
            "This confirmation is not valid", details="It is unknown. Repeat the command."
        )
    if approval.person != person.name:
        raise ApprovalInvalid(
            f"Only {approval.person} can confirm this",
            details="Send the command yourself to get a confirmation of your own.",
        )
    if approval.state == "expired":
        again = f"Repeat the command to be asked again: {approval.command_text}"
        raise ApprovalOver(approval, "This confirmation has expired", f"Nothing was done. {again}")
    if approval.state == "requested":
        raise ApprovalInvalid(
            "This waits for the approval of others", details=f"See: approvals {approval.id}"
        )
    if approval.state != "pending":
        raise ApprovalInvalid(
            f"This was {approval.state} already",
            details=f"It was for: {approval.command_text}. See: history",
        )
    return approval


async def is_no(store: Store, person: Person, message: Message, text: str) -> bool:
    """Return True for a typed no while a confirmation is open here.

    A yes is only taken from the button, which says what it is a yes to: raises
    ValidationFailed.
    """
    word = text.casefold().rstrip(".!")
    if word not in _YES | _NO:
        return False
    waiting = await store.pending(person.name, (message.channel, message.conversation))
    if not waiting:
        return False
    if word in _NO:
        return True
    raise ValidationFailed(
        'Press "Yes, proceed" on the card above',
        details="\n".join(f"Pending confirmation: {item.command_text}" for item in waiting),
    )


async def withdraw(parts: Parts, person: Person, message: Message, approval: Approval) -> Answer:
    """Cancel a pending approval for a message of its person."""
    if not await parts.store.cancel(approval.id):
        raise ApprovalInvalid("This confirmation was used in the meantime")
    if parts.notify is not None:
        event = DecisionEvent(
            kind="cancelled",
            at=parts.clock.now(),
            request_id=message.request_id,
            person=person,
            place=message.place,
            command=approval.command,
            text=parts.masker.text(approval.command_text),
            plan_digest=approval.digest,
        )
        parts.notify(event)
    reply = Reply.of(
        f"Cancelled: {approval.command_text}",
        "Nothing was changed.",
        data={"cancelled": approval.command_text},
    )
    return answer(reply, decided=approval.id)


def with_decision(
    reply: Answer, approval: Approval, at: datetime, decisions: Sequence[Decision] = ()
) -> Answer:
    """Return the answer that replaces a question, with its plan and who decided it when.

    The targets are left out if the answer names them all, and so is the script.
    """
    by = {"confirmed": "Confirmed", "cancelled": "Cancelled"}.get(approval.state)
    is_card = "approval" in reply.data
    if by is None or is_card or (reply.error and reply.error.code == ApprovalInvalid.code):
        return reply
    plan, text = plan_of(approval.plan), plain(reply)
    targets = () if all(item.label in text for item in plan.changes) else changes_view(plan)
    title = Text(plan.summary, style="title")
    script = (Code(plan.command),) if plan.command and plan.command not in text else ()
    line = f"{_by(by, approval, decisions)}, {at.astimezone(UTC):%H:%M} UTC"
    who = Text(line, style="note")
    if arguments_of(approval).get(EMERGENCY):
        who = Text(line, severity=Severity.WARNING)
    return replace(reply, view=(title, *targets, *script, *reply.view, who))


def _by(word: str, approval: Approval, decisions: Sequence[Decision]) -> str:
    """Return who requested a change, why, and who approved it."""
    arguments = arguments_of(approval)
    if arguments.get(EMERGENCY):
        return f"EMERGENCY of {approval.person}: {arguments[EMERGENCY]}"
    if not approval.requested:
        return f"{word} by {approval.person}"
    reason = f" because {arguments[REASON]}" if arguments.get(REASON) else ""
    names = ", ".join(item.person for item in decisions if item.verdict == "approved")
    return f"Requested by {approval.person}{reason}; approved by {names}"


def arguments_of(approval: Approval) -> Mapping[str, Any]:
    """Return the stored arguments of an approval's call."""
    found: Mapping[str, Any] = json.loads(approval.arguments) if approval.arguments else {}
    return found


async def approve(
    parts: Parts, understood: Understood, allowed: Allowed, plan: Plan, needed: Needed
) -> Reply | None:
    """Return None if its person confirmed the plan of a change, else the answer that asks for it.

    What would be done now must be what was shown then. Raises ApprovalOver if it is not.
    """
    if understood.approval is not None:
        await _check_unchanged(parts.store, allowed, plan, understood.approval)
        return None
    if plan.idle:
        return _nothing_to_do(plan)
    if needed.needs_reason:
        return ask_reason(understood, plan.summary, changes_view(plan))
    return await _ask(parts, understood, allowed, plan, needed)


async def _ask(
    parts: Parts, understood: Understood, allowed: Allowed, plan: Plan, needed: Needed
) -> Answer:
    """Store a call and its plan as an approval, and ask the person to confirm it.

    Targets are stored as they were named: that they are still the same is checked
    by the digest.
    """
    call = allowed.call
    approval = Approval(
        id=f"ap-{secrets.token_hex(6)}",
        person=call.person.name,
        command_text=call.text,
        digest=plan_digest(allowed, plan),
        expires=parts.clock.time() + parts.expires,
        plan=json.dumps(asdict(plan)),
        command=call.command,
        arguments=dump_arguments(understood.call.arguments),
    )
    token, approval_message = _approval_message(call.message, approval)
    await parts.store.add_approval(approval, approval_message)
    dangerous = allowed.effect is Effect.DANGEROUS
    reply = _question(plan, parts.expires, token, dangerous=dangerous)
    reply = _with_approvers(reply, call, needed)
    if understood.interpreted:
        reply = _with_command(reply, "Understood as this command", call.text)
        reply = replace(reply, data={**reply.data, "understood": call.text})
    return answer(reply, approval_message=approval_message.key, asks=approval)


async def ask_again(parts: Parts, message: Message, approval: Approval) -> Answer:
    """Show a pending approval once more to its person, with buttons."""
    token, approval_message = _approval_message(message, approval)
    await parts.store.add_approval_message(approval_message)
    seconds = approval.expires - parts.clock.time()
    reply = _question(
        plan_of(approval.plan), seconds, token, dangerous=is_dangerous(parts, approval)
    )
    reply = _with_command(reply, "You asked for", approval.command_text)
    return answer(reply, approval_message=approval_message.key, private=True)


def without_tokens(reply: Answer) -> Answer:
    """Return a question as it is stored: without buttons, whose tokens would be usable."""
    return replace(reply, actions=()) if reply.approval_message else reply


async def with_buttons(parts: Parts, message: Message, stored: Answer) -> Answer:
    """Return a stored question with new buttons while it can be decided."""
    store = parts.store
    if not stored.approval_message:
        return stored
    approval = await store.approval_shown(stored.approval_message)
    if approval is None or approval.state != "pending":
        return stored
    token, again = _approval_message(message, approval)
    await store.add_approval_message(again)
    buttons = _buttons(token, dangerous=is_dangerous(parts, approval))
    return replace(stored, actions=buttons, approval_message=again.key)


async def _check_unchanged(store: Store, allowed: Allowed, plan: Plan, approval: Approval) -> None:
    """Raise ApprovalOver unless what would be done is what was shown, to the last target."""
    if plan_digest(allowed, plan) == approval.digest:
        return
    await store.cancel(approval.id, state=approval.state)
    raise ApprovalOver(
        approval,
        "What would be done has changed since you were asked",
        f"Nothing was done. Repeat the command to see the new plan: {allowed.call.text}",
    )


def plan_digest(allowed: Allowed, plan: Plan) -> str:
    """Return what an approval is bound to: the plan, the person, the call and its targets."""
    call = allowed.call
    return plan.digest(call.person.name, call.text, *(target.id for target in call.targets))


def plan_of(stored: str) -> Plan:
    """Return the plan that is stored as JSON."""
    members = json.loads(stored)
    changes = tuple(Change(**item) for item in members["changes"])
    return Plan(**{**members, "changes": changes, "warnings": tuple(members["warnings"])})


def _nothing_to_do(plan: Plan) -> Reply:
    """Return the answer to a change that would change nothing, which needs no approval."""
    data = {"plan": asdict(plan), "changed": False}
    return Reply(data=data, view=(Text(plan.summary), *changes_view(plan)))


def changes_view(plan: Plan) -> tuple[Block, ...]:
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


def shown_by(message: Message, approval: Approval) -> ApprovalMessage:
    """Return what is stored of the answer to a message that shows a request."""
    return _approval_message(message, approval)[1]


def _approval_message(message: Message, approval: Approval) -> tuple[str, ApprovalMessage]:
    """Return a new token for an approval, and what is stored of the message that carries it."""
    token = base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()
    approval_message = ApprovalMessage(
        key=token_key(token),
        approval=approval.id,
        channel=message.channel,
        conversation=message.conversation,
        expires=approval.expires,
        message=message.lasting().dump().decode(),
    )
    return token, approval_message


def _question(plan: Plan, seconds: float, token: str, *, dangerous: bool) -> Reply:
    return Reply(
        status="pending",
        data={"plan": asdict(plan), "expiresIn": int(seconds)},
        view=_view(plan, seconds, dangerous=dangerous),
        actions=_buttons(token, dangerous=dangerous),
    )


def _with_approvers(question: Reply, call: Call, needed: Needed) -> Reply:
    """Return the question with whose approval the change needs after it is confirmed."""
    if call.emergency:
        text = f"EMERGENCY: {call.emergency}. It needs the approval of no others, and is posted."
        note = Text(text, severity=Severity.CRITICAL)
    elif needed.demands:
        note = Text(f"After you confirm it, it needs the approval of others: {needed.who}.")
    else:
        return question
    return replace(question, view=(*question.view[:-1], note, question.view[-1]))


def is_dangerous(parts: Parts, approval: Approval) -> bool:
    """Whether the command of an approval can be dangerous."""
    wired = parts.wired.get(approval.command)
    return wired is not None and wired.command.effect is Effect.DANGEROUS


def _buttons(token: str, *, dangerous: bool) -> tuple[Action, ...]:
    return (
        Action("confirm", "Yes, proceed", f"confirm_{token}", danger=dangerous),
        Action("cancel", "Cancel", f"cancel_{token}"),
    )


def _with_command(question: Reply, title: str, command: str) -> Reply:
    """Return the question with the command, for a place where it was not just typed."""
    headline, *rest = question.view
    return replace(question, view=(headline, Code(command, title=title), *rest))


def _view(plan: Plan, seconds: float, *, dangerous: bool) -> tuple[Block, ...]:
    blocks: list[Block] = [Text(f"Confirmation required: {plan.summary}", style="title")]
    if dangerous:
        blocks.append(Text("This is dangerous.", severity=Severity.CRITICAL))
    blocks += changes_view(plan)
    if plan.command:
        blocks.append(Code(plan.command, title="Will run exactly this"))
    blocks += [Text(warning, severity=Severity.WARNING) for warning in plan.warnings]
    blocks.append(Text(f"Only you can confirm this, once, within {_span(seconds)}.", style="note"))
    return tuple(blocks)


def _span(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{minutes} minutes" if minutes > 1 else f"{int(seconds)} seconds"

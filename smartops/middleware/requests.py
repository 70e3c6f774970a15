"""Requests: a confirmed change waits until other people have approved it.

The person's own confirmation opens the request. Decisions are stored, and the one that may
be the last makes the gate call the change again, as the person who requested it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, Literal

from smartops.auth.demands import dump, load
from smartops.command import EMERGENCY, REASON, Call
from smartops.errors import ApprovalInvalid, BackendUnavailable, DeadlineExceeded, PermissionDenied
from smartops.jsonable import timestamp
from smartops.message import Identity, Message, Person, Place
from smartops.observer import DecisionEvent, DecisionKind
from smartops.reply import Action, Block, Code, Fields, Reply, Severity, Text
from smartops.store import Approval, ApprovalMessage, AuditEvent, Decision

from .access import identify
from .approvals import arguments_of, changes_view, is_dangerous, plan_of
from .audit import audit_event
from .demands import Needed, approved_by, approver, is_approved
from .operations import outcome_of
from .steps import Allowed, Answer, Identified, Parts, answer

Verdict = Literal["approved", "declined"]


async def approve_by_others(
    parts: Parts, asked: Identified, approval: Approval, needed: Needed
) -> Answer | None:
    """Return None if enough others have approved a confirmed change, else what it waits for."""
    if approval.state == "pending":
        return await _open(parts, asked, approval, needed)
    decisions = await parts.store.decisions(approval.id)
    if is_approved(parts, approval, needed.demands, decisions):
        return None
    if dump(needed.demands) != approval.demands:  # the rules were changed
        approval = replace(approval, demands=dump(needed.demands))
        await parts.store.demand(approval)
    return request_card(parts, approval, decisions)


async def _open(parts: Parts, asked: Identified, approval: Approval, needed: Needed) -> Answer:
    """Store that the change waits for others, and that they are to be asked."""
    now = parts.clock.time()
    request = replace(
        approval,
        state="requested",
        message=asked.message.lasting().dump().decode(),
        requested=now,
        expires=now + needed.within,
        demands=dump(needed.demands),
    )
    note = f"; needs {needed.who}"
    event = decision_event(parts, "requested", asked.message, asked.person, request, note)
    if not await parts.store.request(request, posts(request, needed.ask), event):
        raise ApprovalInvalid("This confirmation was used in the meantime", details="See: history")
    return request_card(parts, request, ())


async def decide(
    parts: Parts, call: Call, approval: Approval, verdict: Verdict, reason: str = ""
) -> Answer:
    """Store what the sender decides about a request; raises PermissionDenied if they may not."""
    check_may_decide(parts, call, approval)
    sender, acting = call.message.sender, call.message.acting
    decision = Decision(
        approval=approval.id,
        person=call.person.name,
        verdict=verdict,
        reason=reason,
        identity=_whole(sender),
        acting=acting,
        place=str(call.message.place),
        at=parts.clock.time(),
    )
    note = f"; {reason}" if reason else ""
    event = decision_event(parts, verdict, call.message, call.person, approval, note)
    if not await parts.store.decide(decision, event):
        raise over(await parts.store.approval(approval.id) or approval)
    decisions = await parts.store.decisions(approval.id)
    if verdict == "declined":
        return request_card(parts, replace(approval, state="declined"), decisions)
    fulfils = is_approved(parts, approval, load(approval.demands), decisions)
    return replace(request_card(parts, approval, decisions), fulfils=fulfils)


def check_may_decide(parts: Parts, call: Call, approval: Approval) -> None:
    """Raise the refusal of a sender whose decision about a request does not count."""
    if approval.state != "requested":
        raise over(approval)
    if approver(parts, approval, load(approval.demands), call.message):
        return
    if call.person.name == approval.person:
        raise PermissionDenied("You cannot approve what you requested", details="Others have to.")
    who = " and ".join(demand.who for demand in load(approval.demands))
    raise PermissionDenied(
        f"You cannot approve this: {approval.command_text}", details=f"It needs: {who}"
    )


def over(approval: Approval) -> ApprovalInvalid:
    """Return the refusal of a decision about a request that is not open."""
    words = {"confirmed": "approved", "pending": "not requested yet"}
    state = words.get(approval.state, approval.state)
    return ApprovalInvalid(
        f"This is {state} already" if approval.state != "pending" else f"This is {state}",
        details=f"It was for: {approval.command_text}",
    )


async def withdraw_request(parts: Parts, call: Call, approval: Approval) -> Answer:
    """End a request of the sender."""
    event = decision_event(parts, "cancelled", call.message, call.person, approval, "; withdrawn")
    if not await parts.store.end_request(approval.id, "cancelled", event):
        raise over(await parts.store.approval(approval.id) or approval)
    return request_card(parts, replace(approval, state="cancelled"), ())


def emergency_posts(
    parts: Parts, asked: Identified, allowed: Allowed, approval: Approval | None
) -> list[ApprovalMessage]:
    """Return what is to be posted about an emergency, after adding its audit event."""
    emergency = allowed.call.emergency
    if approval is None or not emergency:
        return []
    note = f"; {emergency}"
    event = decision_event(parts, "emergency", asked.message, asked.person, approval, note)
    parts.store.add_audit_event(event)
    return posts(approval, parts.approvals.emergency.tell)


async def escalate(parts: Parts, request: Approval) -> None:
    """Post a request in further places if it was not decided for long enough."""
    done = set(request.escalated.splitlines())
    waited = parts.clock.time() - request.requested
    names = [demand.name for demand in load(request.demands)]
    due = [
        item
        for item in parts.approvals.escalations(names)
        if item.name not in done and waited >= item.after
    ]
    if due:
        message = Message.load(request.message.encode())
        person = identify(parts, message.sender, message.roles)
        event = decision_event(parts, "escalated", message, person, request)
        places = [place for item in due for place in item.ask]
        escalated = "\n".join(sorted(done | {item.name for item in due}))
        await parts.store.escalate(request, escalated, posts(request, places), event)


async def refused_at_last(parts: Parts, approval: Approval, reply: Reply) -> Reply:
    """End an approved request whose change is refused now; or say that it will be tried again."""
    if isinstance(reply.error, ApprovalInvalid):
        return reply
    if isinstance(reply.error, BackendUnavailable | DeadlineExceeded):
        card = request_card(parts, approval, await parts.store.decisions(approval.id))
        problem = Text(f"{reply.error.message}. It is tried again.", severity=Severity.WARNING)
        return replace(card, view=(*card.view, problem))
    await end(parts, approval, "cancelled", f"; refused: {reply.error}")
    return reply


async def end(
    parts: Parts, approval: Approval, state: Literal["cancelled", "expired"], note: str = ""
) -> bool:
    """End a request that expired, or whose change is refused now; False if it has ended."""
    message = Message.load(approval.message.encode())
    person = identify(parts, message.sender, message.roles)
    event = decision_event(parts, state, message, person, approval, note)
    return await parts.store.end_request(approval.id, state, event)


def decision_event(  # noqa: PLR0917 - a decision has a kind, a sender, a subject and a note
    parts: Parts,
    kind: DecisionKind,
    message: Message,
    person: Person,
    approval: Approval,
    note: str = "",
) -> AuditEvent:
    """Return the audit event of a decision about an approval, and notify the observers."""
    text = parts.masker.text(f"{approval.command_text}{note}")
    if parts.notify is not None:
        event = DecisionEvent(
            kind=kind,
            at=parts.clock.now(),
            request_id=message.request_id,
            person=person,
            place=message.place,
            command=approval.command,
            text=text,
            plan_digest=approval.digest,
        )
        parts.notify(event)
    return audit_event(
        parts,
        kind,
        message,
        person,
        text=text,
        command=approval.command,
        outcome="success",
        plan_digest=approval.digest,
        approval_id=approval.id,
    )


def posts(approval: Approval, places: Iterable[Place]) -> list[ApprovalMessage]:
    """Return what is stored of the messages that are to be posted in places."""
    return [
        ApprovalMessage(
            key=secrets.token_hex(16),
            approval=approval.id,
            channel=place.channel,
            conversation=place.room,
            expires=approval.expires,
            place=str(place),
        )
        for place in places
    ]


def _whole(identity: Identity) -> str:
    """Return an identity as text that is parsed to the same one."""
    return f"{identity.provider}:{identity.tenant}:{identity.id}"


def request_card(parts: Parts, approval: Approval, decisions: Sequence[Decision]) -> Answer:
    """Return what shows a request: its plan, who asks why, and who has decided what."""
    open_ = approval.state == "requested"
    plan, titles = plan_of(approval.plan), _TITLES
    view: list[Block] = [Text(f"{titles[approval.state]}: {plan.summary}", style="title")]
    if is_dangerous(parts, approval):
        view.append(Text("This is dangerous.", severity=Severity.CRITICAL))
    view.append(Fields(tuple(_facts(parts, approval, decisions))))
    view += changes_view(plan)
    if plan.command:
        view.append(Code(plan.command, title="Will run exactly this" if open_ else "Script"))
    view += [Text(warning, severity=Severity.WARNING) for warning in plan.warnings]
    view += [
        Text(f"{item.person} denied it: {item.reason}", severity=Severity.WARNING)
        for item in decisions
        if item.verdict == "declined"
    ]
    view.append(Text(_note(approval), style="note"))
    reply = Reply(
        status="pending" if open_ else "success",
        data=_data(parts, approval, decisions),
        view=tuple(view),
        actions=_buttons(parts, approval) if open_ else (),
    )
    return answer(reply, decided=approval.id)


async def current_answer(parts: Parts, approval: str) -> Answer | None:
    """Return what shows a request now: its outcome if there is one."""
    found = await parts.store.approval(approval)
    if found is None:
        return None
    operation = await parts.store.operation_for(approval)
    if operation is not None and operation.state != "running":
        return answer(outcome_of(operation), decided=approval, private=False, actions=())
    return request_card(parts, found, await parts.store.decisions(approval))


_TITLES = {
    "requested": "Approval required",
    "confirmed": "Approved",
    "cancelled": "Withdrawn",
    "declined": "Denied",
    "expired": "Not approved in time",
}


def _buttons(parts: Parts, approval: Approval) -> tuple[Action, ...]:
    dangerous = is_dangerous(parts, approval)
    return (
        Action("confirm", "Approve", f"approve_{approval.id}", danger=dangerous),
        Action("cancel", "Deny", f"deny_{approval.id}"),
    )


def _facts(
    parts: Parts, approval: Approval, decisions: Sequence[Decision]
) -> Iterable[tuple[str, str]]:
    yield "Requested by", approval.person
    arguments = arguments_of(approval)
    if emergency := arguments.get(EMERGENCY):
        yield "EMERGENCY", f"{emergency} (without the approval of others)"
    elif reason := arguments.get(REASON):
        yield "Reason", reason
    for demand in load(approval.demands):
        yield demand.name, demand.progress(approved_by(parts, approval, demand, decisions))


def _note(approval: Approval) -> str:
    if approval.state != "requested":
        return (
            f"{approval.id}. Nothing was changed." if approval.state != "confirmed" else approval.id
        )
    until = datetime.fromtimestamp(approval.expires, UTC)
    return (
        f"Until {until:%H:%M} UTC. Or type: approve {approval.id}, deny {approval.id} because "
        f"REASON. {approval.person} can withdraw it: withdraw {approval.id}"
    )


def _data(parts: Parts, approval: Approval, decisions: Sequence[Decision]) -> dict[str, Any]:
    plan = plan_of(approval.plan)
    return {"plan": asdict(plan), "approval": approval_data(parts, approval, decisions)}


def approval_data(
    parts: Parts, approval: Approval, decisions: Sequence[Decision]
) -> dict[str, Any]:
    """Return an approval, with the state of its decisions, for programs."""
    arguments = arguments_of(approval)
    return {
        "approval": approval.id,
        "state": "approved" if approval.state == "confirmed" else approval.state,
        "command": approval.command_text,
        "requestedBy": approval.person,
        "reason": arguments.get(EMERGENCY) or arguments.get(REASON) or "",
        "emergency": bool(arguments.get(EMERGENCY)),
        "expires": timestamp(datetime.fromtimestamp(approval.expires, UTC)),
        "needed": [
            {
                "rule": demand.name,
                "roles": list(demand.roles),
                "people": list(demand.people),
                "count": demand.count,
                "approvedBy": approved_by(parts, approval, demand, decisions),
            }
            for demand in load(approval.demands)
        ],
        "decisions": [
            {
                "person": item.person,
                "decision": "denied" if item.verdict == "declined" else item.verdict,
                "reason": item.reason,
                "at": timestamp(datetime.fromtimestamp(item.at, UTC)),
            }
            for item in decisions
        ],
    }

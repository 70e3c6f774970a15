"""What became of a message: one audit event in the store, one line in the log."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any

from smartops.command import Call, Command
from smartops.contained import Caught
from smartops.errors import InternalError, Refusal
from smartops.grammar import Reference
from smartops.message import Message, Person
from smartops.observer import DecisionEvent, DecisionKind
from smartops.reply import Quota, Reply
from smartops.store import Approval, AuditEvent, AuditSearch, Operation

from .access import Denied
from .approvals import TOKEN
from .steps import Allowed, Parts

log = logging.getLogger("smartops.gate")

KINDS = {
    "asked": "a change was planned and awaits its approval",
    "cancelled": "a pending approval was cancelled",
    "requested": "a confirmed change was shown to other people, who must approve it",
    "approved": "a person approved the change of another",
    "declined": "a person declined the change of another",
    "expired": "a request was not decided in time",
    "escalated": "a request was posted in further places",
    "emergency": "a change was begun without the approval of others",
    "role_given": "a person got a role for a time",
    "role_ended": "a person lost such a role: its time was over, or it was revoked",
    "started": "the operation of a change or a long run was begun",
    "step": "a durable step of an operation was started or ended",
    "finished": "a message was answered, or an operation ended",
    "denied": "a rule or a guard refused",
    "refused": "anything else refused",
    "unknown": "an operation ended, and its outcome is not known",
    "configuration": "a configuration was loaded",
    "token": "a token was made or revoked",
    "unauthenticated": "requests without proof of origin were refused",
    "forged": "a row was refused that SmartOps did not write, or that was put back",
}
"""What an audit event can be about."""
_ENDS = frozenset({"finished", "denied", "refused", "unknown"})
_MANY = 10_000
"""The maximum number of audit events of an operation that are read."""


@dataclass(slots=True)
class Trail:
    """What is known of one message so far, for its audit event and its answer.

    The answer to a ``read`` is stored for duplicates for a short time only. A ``duplicate``,
    and what is ``surplus`` (see :class:`~smartops.middleware.Answer`), has no audit event.
    It is ``executed`` when its call is started, and ``unknown`` if that may have had an effect.
    It is ``stored`` if its event was written with the end of its operation.
    """

    message: Message
    person: Person
    started: float
    key: str = ""
    command: str = ""
    owner: str = ""
    text: str = ""
    rule: str = ""
    read: bool = False
    duplicate: bool = False
    surplus: bool = False
    quota: Quota | None = None
    call: Call | None = None
    approval: Approval | None = None
    operation: Operation | None = None
    plan_digest: str = ""
    denied: bool = False
    executed: bool = False
    unknown: bool = False
    stored: bool = False

    def runs(self, command: Command, call: Call) -> None:
        """Note which command is called."""
        self.command, self.owner = command.name, command.owner
        self.text, self.call = call.text, call

    def allowed(self, allowed: Allowed) -> None:
        """Note the rule that allowed the call, and its targets."""
        self.rule, self.call = allowed.rule, allowed.call

    def begins(self, operation: Operation) -> None:
        """Note the operation that the message begins or resumes."""
        self.key, self.operation = operation.id, operation

    def refers_to(self, operation: Operation) -> None:
        """Note that the message is about an operation that was begun before."""
        self.text, self.command = operation.command_text, operation.command
        self.operation = operation

    def refused(self, refusal: Refusal) -> None:
        """Note the rule that denied it."""
        if isinstance(refusal, Denied):
            self.rule, self.call = refusal.rule, refusal.call or self.call
            self.denied = True
            self.command, self.owner = refusal.command.name, refusal.command.owner


def unforeseen(trail: Trail, error: BaseException | None, more: str = "") -> Refusal:
    """Log an error with its traceback, and return the refusal that shows its reference only."""
    request_id = trail.message.request_id
    owner = f" in {trail.command!r} of {trail.owner}" if trail.command else ""
    log.error("message failed%s", owner, exc_info=error, extra={"request_id": request_id})
    details = f"Reference: {request_id}" + (f". {more}" if more else "")
    return InternalError("Something went wrong", details=details)


def write_audit_event(parts: Parts, trail: Trail, reply: Reply) -> None:
    """Log and count the outcome, and store it unless it is a duplicate's or surplus."""
    event = final_event(parts, trail, reply)
    if not (trail.duplicate or trail.surplus):
        if not trail.stored:
            with Caught(log, "the audit event of request %s was not stored", event.request_id):
                parts.store.add_audit_event(event)
        notify(parts, trail, _end(trail, reply, event.outcome), event.outcome)
    parts.count(event)


def notify(parts: Parts, trail: Trail, kind: DecisionKind, outcome: str = "") -> None:
    """Report a decision to the observers of plugins."""
    if kind == "started":
        trail.executed = True
    if parts.notify is None:
        return
    message = trail.message
    event = DecisionEvent(
        kind=kind,
        at=parts.clock.now(),
        request_id=message.request_id,
        person=trail.person,
        place=message.place,
        command=trail.command,
        text=parts.masker.text(trail.text or _text(message)),
        call=trail.call,
        rule=trail.rule,
        plan_digest=trail.plan_digest,
        operation=trail.operation.id if trail.operation else "",
        outcome=outcome,
    )
    parts.notify(event)


def _end(trail: Trail, reply: Reply, outcome: str) -> DecisionKind:
    """Return the decision that an outcome is."""
    if trail.unknown or outcome == "unknown":
        return "unknown"
    if trail.executed or reply.error is None:
        return "asked" if reply.status == "pending" and not trail.executed else "finished"
    return "denied" if trail.denied else "refused"


def final_event(parts: Parts, trail: Trail, reply: Reply) -> AuditEvent:
    """Return the audit event about what became of a message."""
    outcome = _outcome(reply)
    kind: str = _end(trail, reply, outcome)
    approval = trail.approval or getattr(reply, "asks", None)
    decided = approval.id if approval else getattr(reply, "decided", "")
    if kind == "finished" and decided and "cancelled" in reply.data:
        kind = "cancelled"
    return trail_event(parts, trail, kind, outcome, approval=approval, decided=decided)


def trail_event(
    parts: Parts,
    trail: Trail,
    kind: str,
    outcome: str,
    *,
    approval: Approval | None = None,
    decided: str = "",
) -> AuditEvent:
    """Return an audit event about a message, with what is known of it so far."""
    operation, approval = trail.operation, approval or trail.approval
    return audit_event(
        parts,
        kind,
        trail.message,
        trail.person,
        idempotency_key=trail.key,
        command=trail.command,
        text=trail.text or _text(trail.message),
        rule=trail.rule,
        outcome=outcome,
        seconds=parts.clock.time() - trail.started,
        targets=_targets(parts, trail.call) if trail.call else "",
        plan_digest=approval.digest if approval else "",
        approval_id=(operation.approval_id if operation else "") or decided,
        operation_id=operation.id if operation else "",
    )


def audit_event(
    parts: Parts, kind: str, message: Message, person: Person, *, text: str, **columns: Any
) -> AuditEvent:
    """Return an audit event of a :data:`KINDS`, caused by a message; ``columns`` are its members.

    Add it with ``store.add_audit_event``, or hand it to the method of the store that writes
    what it is about, so that both are in one transaction.
    """
    sender = message.sender
    return AuditEvent(
        kind=kind,
        at=parts.clock.time(),
        request_id=message.request_id,
        person=person.name,
        identity=f"{sender} by {message.acting}" if message.acting else str(sender),
        claimed=message.claimed,
        place=str(message.place),
        text=parts.masker.text(text),
        **columns,
    )


async def is_decided(parts: Parts, approval: str) -> bool:
    """Whether the audit log says that an approval was used or cancelled.

    Its row says so too, unless a row of before was put back into the database.
    """
    for kind in ("started", "cancelled", "declined", "expired"):
        if await parts.store.audit_events(AuditSearch(kind=kind, approval=approval), 1):
            return True
    return False


async def is_put_back(parts: Parts, operation: Operation) -> bool:
    """Whether the audit log says that an operation has come further than its row says."""
    events = await parts.store.audit_events(AuditSearch(operation=operation.id), _MANY, after=0)
    if any(event.kind in _ENDS for event in events):
        return True
    steps = json.loads(operation.steps)
    stored = {step_text(parts, operation, name): step for name, step in steps.items()}
    logged = {event.text: event.outcome for event in events if event.kind == "step"}
    return any(
        (outcome == "started" and name not in stored)
        or (outcome == "success" and "result" not in stored.get(name, ()))
        for name, outcome in logged.items()
    )


def step_text(parts: Parts, operation: Operation, step: str) -> str:
    """Return the text of the audit events about a step."""
    return parts.masker.text(f"{operation.command_text}: {step}")


def _targets(parts: Parts, call: Call) -> str:
    """Return the targets of a call as JSON; of those not looked up, what they were called."""
    found = [{"id": target.id, "name": target.name} for target in call.targets]
    for value in call.arguments.values():
        items = value if isinstance(value, tuple | list) else (value,)
        named = [parts.masker.text(item.text) for item in items if isinstance(item, Reference)]
        found += [{"id": "", "name": name} for name in named]
    return json.dumps(found) if found else ""


def _outcome(reply: Reply) -> str:
    """Return the status, the wire code, or how an operation without a result ended."""
    if reply.error is None:
        return reply.status
    return str(reply.data.get("state", reply.error.code))


def _text(message: Message) -> str:
    """Return the message's text; of a token only its purpose, as it may still be valid."""
    token = TOKEN.fullmatch(message.action or message.text.strip())
    return token[1] if token else message.text or "(action)"

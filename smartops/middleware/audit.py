"""What became of a message: one audit event in the store, one line in the log."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass

from smartops.command import Call, Command
from smartops.contained import Caught
from smartops.errors import InternalError, Refusal
from smartops.grammar import Reference
from smartops.message import Message, Person
from smartops.observer import DecisionEvent, DecisionKind
from smartops.reply import Quota, Reply
from smartops.store import Approval, AuditEvent, Operation

from .access import Denied
from .approvals import TOKEN
from .steps import Allowed, Parts

log = logging.getLogger("smartops.gate")


@dataclass(slots=True)
class Trail:
    """What is known of one message so far, for its audit event and its answer.

    The answer to a ``read`` is stored for duplicates for a short time only. A ``duplicate``,
    and what is ``surplus`` (see :class:`~smartops.middleware.Answer`), has no audit event.
    It is ``executed`` when its call is started, and ``unknown`` if that may have had an effect.
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
    approval_id: str = ""
    operation_id: str = ""
    plan_digest: str = ""
    denied: bool = False
    executed: bool = False
    unknown: bool = False

    def runs(self, command: Command, call: Call) -> None:
        """Note which command is called."""
        self.command, self.owner = command.name, command.owner
        self.text, self.call = call.text, call

    def allowed(self, allowed: Allowed) -> None:
        """Note the rule that allowed the call, and its targets."""
        self.rule, self.call = allowed.rule, allowed.call

    def begins(self, operation: Operation) -> None:
        """Note the operation that the message begins or resumes."""
        self.key = self.operation_id = operation.id
        self.approval_id = operation.approval_id

    def refers_to(self, operation: Operation) -> None:
        """Note that the message is about an operation that was begun before."""
        self.text, self.command = operation.command_text, operation.command
        self.operation_id, self.approval_id = operation.id, operation.approval_id

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
    event = _event(parts, trail, reply)
    if not (trail.duplicate or trail.surplus):
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
        operation=trail.operation_id,
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


def _event(parts: Parts, trail: Trail, reply: Reply) -> AuditEvent:
    message, now = trail.message, parts.clock.time()
    approval = trail.approval or getattr(reply, "asks", None)
    approval_id = approval.id if approval else getattr(reply, "decided", "")
    return AuditEvent(
        at=now,
        request_id=message.request_id,
        idempotency_key=trail.key,
        person=trail.person.name,
        identity=f"{message.sender} by {message.acting}" if message.acting else str(message.sender),
        claimed=message.claimed,
        place=str(message.place),
        command=trail.command,
        text=parts.masker.text(trail.text or _text(message)),
        rule=trail.rule,
        outcome=_outcome(reply),
        seconds=now - trail.started,
        targets=_targets(parts, trail.call) if trail.call else "",
        plan_digest=approval.digest if approval else "",
        approval_id=trail.approval_id or approval_id,
        operation_id=trail.operation_id,
    )


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

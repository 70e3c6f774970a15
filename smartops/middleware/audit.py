"""What became of a message: one audit event in the store, one line in the log."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from smartops.command import Command
from smartops.contained import Caught
from smartops.errors import InternalError, Refusal
from smartops.message import Message, Person
from smartops.reply import Quota, Reply
from smartops.store import AuditEvent, Operation

from .access import Denied
from .approvals import TOKEN
from .steps import Parts

log = logging.getLogger("smartops.gate")


@dataclass(slots=True)
class Trail:
    """What is known of one message so far, for its audit event and its answer.

    The answer to a ``read`` is stored for duplicates for a short time only.
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
    quota: Quota | None = None

    def runs(self, command: Command, text: str) -> None:
        """Note which command is called."""
        self.command, self.owner, self.text = command.name, command.owner, text

    def refers_to(self, operation: Operation) -> None:
        """Note that the message is about an operation that was begun before."""
        self.text, self.command = operation.command_text, operation.command

    def refused(self, refusal: Refusal) -> None:
        """Note the rule that denied it."""
        if isinstance(refusal, Denied):
            self.rule = refusal.rule
            self.command, self.owner = refusal.command.name, refusal.command.owner


def unforeseen(trail: Trail, error: BaseException | None, more: str = "") -> Refusal:
    """Log an error with its traceback, and return the refusal that shows its reference only."""
    request_id = trail.message.request_id
    owner = f" in {trail.command!r} of {trail.owner}" if trail.command else ""
    log.error("message failed%s", owner, exc_info=error, extra={"request_id": request_id})
    details = f"Reference: {request_id}" + (f". {more}" if more else "")
    return InternalError("Something went wrong", details=details)


def write_audit_event(parts: Parts, trail: Trail, reply: Reply, *, stored: bool = True) -> None:
    """Log and count the outcome, and store it in the history unless it is not to be ``stored``."""
    event = _event(parts, trail, reply)
    if stored:
        with Caught(log, "the audit event of request %s was not stored", event.request_id):
            parts.store.add_audit_event(event)
    parts.observe(event)


def _event(parts: Parts, trail: Trail, reply: Reply) -> AuditEvent:
    message, now = trail.message, parts.clock.time()
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
    )


def _outcome(reply: Reply) -> str:
    """Return the status, the wire code, or how an operation without a result ended."""
    if reply.error is None:
        return reply.status
    return str(reply.data.get("state", reply.error.code))


def _text(message: Message) -> str:
    """Return the message's text; of a token only its purpose, as it may still be valid."""
    token = TOKEN.fullmatch(message.action or message.text.strip())
    return token[1] if token else message.text or "(action)"

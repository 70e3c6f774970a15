"""What became of a turn: one record for the history, one line for the log."""

from __future__ import annotations

import logging
from dataclasses import replace

from smartops.errors import InternalError, Refusal
from smartops.grammar import ParseError
from smartops.message import Message, Person
from smartops.reply import Reply
from smartops.store import Record

from .identify import person_of
from .tokens import TOKEN
from .turn import Parts, Turn

log = logging.getLogger("smartops.gate")


def unforeseen(turn: Turn, error: BaseException, more: str = "") -> Refusal:
    """Log an error with its traceback, and return the refusal that shows its reference only."""
    request_id = turn.message.request_id
    owner = f" in {turn.command.name!r} of {turn.command.owner}" if turn.command else ""
    log.error("message failed%s", owner, exc_info=error, extra={"request_id": request_id})
    details = f"Reference: {request_id}" + (f". {more}" if more else "")
    return InternalError("Something went wrong", details=details)


def note(parts: Parts, turn: Turn, reply: Reply, *, keep: bool = True) -> None:
    """Log and count the outcome, and ``keep`` it in the history."""
    person = turn.person or person_of(parts, turn.message.sender)
    entry = _entry(turn, person, reply, parts.clock.time())
    if not turn.command and turn.operation:
        said = turn.operation.command_text
        entry = replace(entry, text=said, command=_command(parts, said))
    try:
        if keep:
            parts.store.record(entry)
    except Exception:
        log.exception("outcome not recorded", extra={"request_id": turn.message.request_id})
    parts.observe(entry)


def _entry(turn: Turn, person: Person, reply: Reply, now: float) -> Record:
    message = turn.message
    return Record(
        at=now,
        request_id=message.request_id,
        act=turn.call.act if turn.call else turn.act,
        person=person.name,
        identity=f"{message.sender} by {message.acting}" if message.acting else str(message.sender),
        claimed=message.claimed,
        place=str(message.place),
        command=turn.command.name if turn.command else "",
        text=turn.call.text if turn.call else _said(message),
        phase="outcome",
        rule=turn.rule,
        outcome=_outcome(reply),
        seconds=now - turn.started,
    )


def _command(parts: Parts, text: str) -> str:
    """Return the name of the command that a stored text calls, empty if there is none now."""
    try:
        return parts.grammar.parse(text, lambda _: True).command.name
    except ParseError:
        return ""


def _outcome(reply: Reply) -> str:
    """Return the status, the wire code, or how an operation ended that nobody can answer for."""
    if reply.error is None:
        return reply.status
    return str(reply.data.get("state", reply.error.code))


def _said(message: Message) -> str:
    """Return what was said or pressed; of a token only what it was for, as it may still work."""
    token = TOKEN.fullmatch(message.action or message.text.strip())
    return token[1] if token else message.text or "(action)"

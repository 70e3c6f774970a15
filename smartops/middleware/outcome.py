"""What became of a turn: one record for the history, one line for the log."""

from __future__ import annotations

import logging

from smartops.message import Message
from smartops.reply import Reply
from smartops.store import Record

from .tokens import TOKEN
from .turn import Parts, Turn

log = logging.getLogger("smartops.gate")


def note(parts: Parts, turn: Turn, reply: Reply, *, keep: bool = True) -> None:
    """Log and count the outcome, and ``keep`` it in the history."""
    entry = _entry(turn, reply, parts.clock.time())
    try:
        if keep:
            parts.store.record(entry)
    except Exception:
        log.exception("outcome not recorded", extra={"request_id": turn.message.request_id})
    parts.observe(entry)


def _entry(turn: Turn, reply: Reply, now: float) -> Record:
    message = turn.message
    return Record(
        at=now,
        request_id=message.request_id,
        act=turn.call.act if turn.call else turn.act,
        person=turn.person.name if turn.person else "",
        identity=f"{message.sender} by {message.acting}" if message.acting else str(message.sender),
        claimed=message.claimed,
        place=str(message.place),
        command=turn.command.name if turn.command else "",
        text=turn.call.text if turn.call else _said(message),
        phase="outcome",
        rule=turn.rule,
        outcome=reply.error.code if reply.error else reply.status,
        seconds=now - turn.started,
    )


def _said(message: Message) -> str:
    """Return what was said or pressed; of a token only what it was for, as it may still work."""
    token = TOKEN.fullmatch(message.action or message.text.strip())
    return token[1] if token else message.text or "(action)"

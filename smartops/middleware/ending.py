"""How operations end: waited for, wherever they are carried out, and told."""

from __future__ import annotations

from contextlib import suppress

from smartops.errors import BackendUnavailable, DeadlineExceeded, Refusal
from smartops.reply import Reply, Severity, Text
from smartops.store import Operation, StoreUnavailable

from .turn import Parts

LOOK_FIRST = "The result is unknown. Check the target's state before you retry."
_STOPPED = f"SmartOps was stopped while it was under way. {LOOK_FIRST}"
_PART = "Part of it may have taken effect: check the target's state before you retry."
_NOT_BEGUN = "It was never begun; nothing was changed."

LOOK = 2.0
"""After how many seconds an operation that another process carries out is looked at again."""


async def ended(parts: Parts, operation: Operation) -> Operation:
    """Wait for an operation to end, here or in another process: who asks hears how it ended."""
    while operation.state == "running" and await parts.running.wait(operation.id):
        operation = await _looked_at(parts, operation)
    return await ended_elsewhere(parts, operation)


async def ended_elsewhere(parts: Parts, operation: Operation) -> Operation:
    """Wait for an operation to end, whichever process carries it out."""
    while operation.state == "running":
        await parts.clock.sleep(LOOK)
        operation = await _looked_at(parts, operation)
    return operation


async def _looked_at(parts: Parts, operation: Operation) -> Operation:
    with suppress(StoreUnavailable):
        return await parts.store.operation(operation.id) or operation
    return operation


def outcome_of(operation: Operation) -> Reply:
    """Return what is known of how an operation went."""
    if operation.answer:
        return Reply.load(operation.answer)
    if operation.state == "running":
        text = f"Under way: {operation.command_text} ({operation.id})"
        data = {"operation": operation.id, "state": operation.state}
        return Reply(status="pending", data=data, view=(Text(text),))
    if operation.state == "failed":  # without an answer: it was never carried out
        text = f"Failed: {operation.command_text} ({operation.id})"
        return _without_answer(operation, "failed", BackendUnavailable(text, details=_NOT_BEGUN))
    return _unknown(operation, _STOPPED)


def given_up(operation: Operation, refusal: Reply) -> Reply:
    """Return the outcome of an operation that was begun and may not go on, and why."""
    why = (refusal.error.message, refusal.error.details) if refusal.error else ()
    return _unknown(operation, " ".join(filter(None, (_STOPPED, *why))))


def cancelled(operation: Operation, *, changes: bool) -> Reply:
    """Return the outcome of an operation that was cancelled, and whether it ``changes`` things."""
    details = _PART if changes else "Nothing was changed."
    error = DeadlineExceeded(f"Cancelled: {operation.command_text}", details=details)
    return _without_answer(operation, "cancelled", error)


def _unknown(operation: Operation, details: str) -> Reply:
    text = f"Outcome unknown: {operation.command_text} ({operation.id})"
    error = DeadlineExceeded(text, details=details)
    return _without_answer(operation, "unknown", error, Severity.CRITICAL)


def _without_answer(
    operation: Operation, state: str, error: Refusal, severity: Severity = Severity.WARNING
) -> Reply:
    """Return an error that everybody who was asked sees, as it is about what they were shown."""
    view = (Text(error.message, severity=severity), Text(error.details or ""))
    data = {"operation": operation.id, "state": state}
    return Reply(status="error", data=data, view=view, error=error)

"""How operations end: waited for, wherever they are carried out, and told."""

from __future__ import annotations

from contextlib import suppress

from smartops.reply import Reply, Severity, Text
from smartops.store import Operation, StoreUnavailable

from .turn import Parts

LOOK = 2.0
"""After how many seconds an operation that another process carries out is looked at again."""


async def ended(parts: Parts, operation: Operation, *, for_good: bool) -> Operation:
    """Wait for an operation that is carried out here, or anywhere if it is to be ``for_good``.

    Whoever claimed the act, or took it over, answers it once: what is kept as its
    answer must be how it ended, also if somebody else carries it out.
    """
    while operation.state == "running" and await parts.running.wait(operation.id):
        operation = await _looked_at(parts, operation)
    return await ended_elsewhere(parts, operation) if for_good else operation


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
    data = {"operation": operation.id, "state": operation.state}
    if operation.state == "running":
        text = f"Under way: {operation.command_text} ({operation.id})"
        return Reply(status="pending", data=data, view=(Text(text),))
    if operation.state == "failed":
        text = f"Failed: {operation.command_text} ({operation.id})"
        return Reply(data=data, view=(Text(text, severity=Severity.WARNING),))
    return Reply(data=data, view=_unknown(operation))


def given_up(operation: Operation, refusal: Reply) -> Reply:
    """Return the outcome of an operation that was begun and may not go on, and why."""
    data = {"operation": operation.id, "state": "unknown"}
    return Reply(data=data, view=(*_unknown(operation), *refusal.view))


def _unknown(operation: Operation) -> tuple[Text, Text]:
    text = f"Outcome unknown: {operation.command_text} ({operation.id})"
    return (
        Text(text, severity=Severity.CRITICAL),
        Text(
            "SmartOps was stopped while it was under way. It may or may not have taken "
            "effect: look before you repeat it."
        ),
    )

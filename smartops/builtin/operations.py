"""The commands about what the person ran: ``history``, ``operations`` and ``show operation``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from smartops.command import Call, command
from smartops.errors import ValidationFailed
from smartops.jsonable import timestamp
from smartops.middleware.operations import outcome_of
from smartops.middleware.steps import Parts
from smartops.reply import Cell, Fields, Reply, Severity, Table
from smartops.store import AuditEvent, Operation, Store

from .audit import outcome_cell, when


@command("history", examples=("history --limit 5",))
async def history(call: Call, core: Parts, limit: int = 10) -> Reply:
    """Show what you ran last, and how it went."""
    check_limit(limit)
    events = await core.store.history(call.person.name, 2 * limit)
    if not events:
        return Reply.of("You have not run anything yet.", data={"history": []})
    shown = _without_questions(events)[:limit]
    rows = tuple((when(item.at), item.text, outcome_cell(item)) for item in shown)
    return Reply.of(
        Table(("When (UTC)", "Command", "Outcome"), rows, (("Command", "When (UTC)"),)),
        data={"history": [_event_data(item) for item in events[:limit]]},
        private=True,
    )


@command("operations")
async def operations(call: Call, core: Parts, limit: int = 10) -> Reply:
    """List your operations: changes and long runs, newest first."""
    check_limit(limit)
    found = await core.store.operations(call.person.name, limit=limit)
    data = {"operations": [_operation_data(item) for item in found]}
    if not found:
        return Reply.of("You have no operations.", data=data)
    rows = tuple(
        (item.id, when(item.started), item.command_text, _state_cell(item)) for item in found
    )
    columns = ("ID", "Since (UTC)", "Command", "State")
    return Reply.of(Table(columns, rows, (("Command", "ID", "Since (UTC)"),)), data=data)


@command("show operation {operation}", "show op-{operation}", examples=("show op-0123456789ab",))
async def show_operation(call: Call, core: Parts, operation: str) -> Reply:
    """Show an operation of yours, and its result once it has one."""
    found = await own_operation(core.store, call.person.name, operation)
    fields = Fields(
        (
            ("Operation", found.id),
            ("Command", found.command_text),
            ("Since (UTC)", when(found.started)),
            ("State", found.state),
        )
    )
    outcome = outcome_of(found)
    data = {**_operation_data(found), "result": outcome.data}
    return Reply.of(fields, *outcome.view, data=data)


def check_limit(limit: int) -> None:
    """Raise ValidationFailed if a list cannot be as long as ``--limit`` says."""
    if not 1 <= limit <= 100:
        raise ValidationFailed("--limit must be between 1 and 100")


async def own_operation(store: Store, person: str, id: str) -> Operation:
    """Return an operation of this person; raises ValidationFailed if there is none."""
    operation = await store.operation(id)
    if operation is None or operation.person != person:
        raise ValidationFailed(f"You have no operation {id}", details="See: operations")
    return operation


def _without_questions(events: Sequence[AuditEvent]) -> list[AuditEvent]:
    """Return the events, newest first, without the question before a confirmed change."""
    confirmed: list[str] = []
    shown = []
    for event in events:
        asked = event.outcome == "pending"
        if asked and event.text in confirmed:
            confirmed.remove(event.text)
            continue
        if event.command and not asked and event.idempotency_key.startswith("op-"):
            confirmed.append(event.text)
        shown.append(event)
    return shown


def _event_data(event: AuditEvent) -> dict[str, object]:
    return {
        "at": timestamp(datetime.fromtimestamp(event.at, UTC)),
        "command": event.text,
        "outcome": event.outcome,
        "place": event.place,
        "requestId": event.request_id,
    }


def _state_cell(operation: Operation) -> Cell | str:
    severity = {  # what is done may still have gone wrong in ways of its own: see its result
        "running": Severity.INFO,
        "failed": Severity.WARNING,
        "unknown": Severity.CRITICAL,
    }
    marked = severity.get(operation.state)
    return Cell(operation.state, marked) if marked else operation.state


def _operation_data(operation: Operation) -> dict[str, object]:
    return {
        "operation": operation.id,
        "command": operation.command_text,
        "state": operation.state,
        "since": timestamp(datetime.fromtimestamp(operation.started, UTC)),
    }

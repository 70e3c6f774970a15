"""The commands about what the person ran: ``history``, ``operations`` and ``show operation``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from smartops.command import Call, command
from smartops.errors import ValidationFailed
from smartops.jsonable import timestamp
from smartops.middleware.operations import outcome_of
from smartops.middleware.steps import Parts
from smartops.middleware.undoing import own_operation, stored_inverse
from smartops.reply import Action, Cell, Fields, Reply, Severity, Table
from smartops.store import AuditEvent, Operation

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


@command("undo [{operation}]", examples=("undo op-0123456789ab",), by_hand=True)
async def undo(call: Call, core: Parts, operation: str = "") -> Reply:
    """Undo a change of yours from the last hour: you are asked to confirm the opposite.

    Without an operation, list those that can be undone.
    """
    found: list[Operation] = []
    done = await core.store.operations(call.person.name, state="done", limit=100)
    for item in done if not operation else ():  # one is the opposite call: see the gate
        with suppress(ValidationFailed):
            stored_inverse(item, core.clock.now())
            found.append(item)
    data = {"operations": [_operation_data(item) for item in found]}
    if not found:
        return Reply.of("There is nothing to undo.", data=data)
    rows = tuple((item.id, when(item.started), item.command_text) for item in found)
    table = Table(("ID", "Since (UTC)", "Command"), rows, (("Command", "ID", "Since (UTC)"),))
    actions = [Action("command", f"Undo {item.id}", f"undo {item.id}") for item in found[:5]]
    return Reply.of(table, data=data, actions=actions)


def check_limit(limit: int) -> None:
    """Raise ValidationFailed if a list cannot be as long as ``--limit`` says."""
    if not 1 <= limit <= 100:
        raise ValidationFailed("--limit must be between 1 and 100")


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

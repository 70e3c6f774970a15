"""The core's commands about one's operations: to list, show and stop them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from smartops.command import Call, Command, command
from smartops.errors import ValidationFailed
from smartops.jsonable import timestamp
from smartops.reply import Cell, Fields, Reply, Severity, Table
from smartops.store import Operation

from .ending import outcome_of
from .turn import Desk, Parts

OPERATION = re.compile(r"op-[0-9a-f]{12}")


def operations(desk: Desk) -> Command:
    """Return the command that lists them."""

    @command("operations")
    async def operations(call: Call, limit: int = 10) -> Reply:
        """List your operations: changes and long runs, newest first."""
        if not 1 <= limit <= 100:
            raise ValidationFailed("--limit must be between 1 and 100")
        found = await desk.parts.store.operations(call.person.name, limit=limit)
        data = {"operations": [_data(item) for item in found]}
        if not found:
            return Reply.of("You have no operations.", data=data)
        rows = tuple(
            (item.id, when(item.started), item.command_text, _state(item)) for item in found
        )
        columns = ("ID", "Since (UTC)", "Command", "State")
        table = Table(columns, rows, (("Command", "ID", "Since (UTC)"),))
        return Reply.of(table, data=data)

    return operations


def show_operation(desk: Desk) -> Command:
    """Return the command that shows one."""

    @command(
        "show operation {operation}", "show op-{operation}", examples=("show op-0123456789ab",)
    )
    async def show_operation(call: Call, operation: str) -> Reply:
        """Show an operation of yours, and its result once it has one."""
        found = await _own(desk.parts, call, operation)
        fields = Fields(
            (
                ("Operation", found.id),
                ("Command", found.command_text),
                ("Since (UTC)", when(found.started)),
                ("State", found.state),
            )
        )
        outcome = outcome_of(found)
        return Reply.of(fields, *outcome.view, data={**_data(found), "result": outcome.data})

    return show_operation


async def stop(parts: Parts, call: Call, id: str) -> Reply:
    """Ask whoever carries out an operation to stop. Raises ValidationFailed if nobody does."""
    operation = await _own(parts, call, id)
    if not await parts.store.request_cancel(id):
        raise ValidationFailed(f"{id} is not running: it is {operation.state}")
    parts.running.cancel(id)
    return Reply.of(f"Asked to stop: {operation.command_text} ({id})", data={"operation": id})


def when(at: float) -> str:
    """Return seconds since the epoch as people read them, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


async def _own(parts: Parts, call: Call, id: str) -> Operation:
    operation = await parts.store.operation(id)
    if operation is None or operation.person != call.person.name:
        raise ValidationFailed(f"You have no operation {id}", details="See: operations")
    return operation


def _state(operation: Operation) -> Cell | str:
    severity = {  # what is done may still have gone wrong in ways of its own: see its result
        "running": Severity.INFO,
        "failed": Severity.WARNING,
        "unknown": Severity.CRITICAL,
    }
    marked = severity.get(operation.state)
    return Cell(operation.state, marked) if marked else operation.state


def _data(operation: Operation) -> dict[str, object]:
    return {
        "operation": operation.id,
        "command": operation.command_text,
        "state": operation.state,
        "since": timestamp(datetime.fromtimestamp(operation.started, UTC)),
    }

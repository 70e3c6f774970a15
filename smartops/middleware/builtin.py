"""The commands that belong to the core: help, whoami, cancel, history, operations.

They concern only the person who asks, so everybody with a role may use them
unless a rule denies it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

from smartops.command import Call, Command, command
from smartops.errors import ValidationFailed
from smartops.reply import Cell, Fields, Reply, Severity, Table
from smartops.store import Approval, Operation, Record, approval_key

from .authorise import CORE, may_ever
from .deduplicate import outcome_of
from .tokens import TOKEN, withdraw
from .turn import Parts

OPERATION = re.compile(r"op-[0-9a-f]{12}")


class BuiltinCommands:
    """The core's commands. ``parts`` is set once the gate they ask about is built."""

    parts: Parts

    def commands(self) -> list[Command]:
        """Return the commands, owned by the core."""
        commands = (
            _help(self),
            whoami,
            _cancel(self),
            _history(self),
            _operations(self),
            _show_operation(self),
        )
        return [item.owned(CORE) for item in commands]


@command("whoami")
async def whoami(call: Call) -> Reply:
    """Show who SmartOps takes you for, and your roles."""
    message, person = call.message, call.person
    pairs = [
        ("Person", person.name),
        ("Roles", ", ".join(sorted(person.roles))),
        ("Identity", str(person.identity)),
        ("Place", str(message.place)),
    ]
    if message.claimed:
        pairs.append(("Claimed, not proven", message.claimed))
    data = {
        "person": person.name,
        "roles": sorted(person.roles),
        "identity": str(person.identity),
        "place": str(message.place),
    }
    return Reply.of(Fields(tuple(pairs)), data=data, private=True)


def _help(desk: BuiltinCommands) -> Command:
    @command("help [{about...}]", examples=("help", "help list instances"))
    async def help_command(call: Call, about: str = "") -> Reply:
        """Show what you may run here, or explain one command.

        Without an argument it lists every command that you may run in this
        place. With the name of a command it shows how that is written.
        """

        def permitted(item: Command) -> bool:
            return may_ever(desk.parts, call.person, item, call.message.place)

        answer = desk.parts.grammar.help(permitted, about.strip() or None)
        return replace(answer, private=True)  # it is what this one person may run

    return help_command


def _cancel(desk: BuiltinCommands) -> Command:
    @command("cancel [{what}]", examples=("cancel", "cancel op-0123456789ab"), by_hand=True)
    async def cancel(call: Call, what: str = "") -> Reply:
        """Cancel what waits for your confirmation in this conversation, or a running operation.

        If several things wait, name one by the value of its cancel button. An
        operation of yours is named by its id; see "operations".
        """
        store = desk.parts.store
        if OPERATION.fullmatch(what):
            return await _stop(desk.parts, call, what)
        waiting = await store.pending(call.person.name, call.message.conversation)
        if what:
            token = TOKEN.fullmatch(what)
            waiting = [item for item in waiting if token and item.key == approval_key(token[2])]
        if not waiting:
            raise ValidationFailed("Nothing waits for your confirmation here")
        if len(waiting) > 1:
            raise ValidationFailed(
                f"{len(waiting)} things wait for your confirmation here", details=_listed(waiting)
            )
        return await withdraw(desk.parts, waiting[0])

    return cancel


def _listed(waiting: list[Approval]) -> str:
    commands = ", ".join(item.command_text for item in waiting)
    return f"Press Cancel on the one you mean: {commands}"


async def _stop(parts: Parts, call: Call, id: str) -> Reply:
    operation = await _own(parts, call, id)
    if not await parts.store.request_cancel(id):
        raise ValidationFailed(f"{id} is not running: it is {operation.state}")
    parts.running.cancel(id)
    return Reply.of(f"Asked to stop: {operation.command_text} ({id})", data={"operation": id})


async def _own(parts: Parts, call: Call, id: str) -> Operation:
    operation = await parts.store.operation(id)
    if operation is None or operation.person != call.person.name:
        raise ValidationFailed(f"You have no operation {id}", details="Look at: operations")
    return operation


def _operations(desk: BuiltinCommands) -> Command:
    @command("operations")
    async def operations(call: Call, limit: int = 10) -> Reply:
        """List your operations: changes and long runs, newest first."""
        if not 1 <= limit <= 100:
            raise ValidationFailed("--limit must be between 1 and 100")
        found = await desk.parts.store.operations(call.person.name, limit=limit)
        data = {"operations": [_operation_data(item) for item in found]}
        if not found:
            return Reply.of("You have no operations.", data=data)
        rows = tuple(
            (item.id, _when(item.started), item.command_text, _state(item)) for item in found
        )
        return Reply.of(Table(("Id", "Since (UTC)", "Command", "State"), rows), data=data)

    return operations


def _show_operation(desk: BuiltinCommands) -> Command:
    @command("show operation {operation}", examples=("show operation op-0123456789ab",))
    async def show_operation(call: Call, operation: str) -> Reply:
        """Show an operation of yours, and its result once it has one."""
        found = await _own(desk.parts, call, operation)
        data = _operation_data(found)
        fields = Fields(
            (
                ("Operation", found.id),
                ("Command", found.command_text),
                ("Since (UTC)", _when(found.started)),
                ("State", found.state),
            )
        )
        outcome = outcome_of(found)
        return Reply.of(fields, *outcome.view, data={**data, "result": outcome.data})

    return show_operation


def _state(operation: Operation) -> Cell:
    severity = {
        "running": Severity.INFO,
        "done": Severity.GOOD,
        "failed": Severity.WARNING,
        "unknown": Severity.CRITICAL,
    }
    return Cell(operation.state, severity[operation.state])


def _operation_data(operation: Operation) -> dict[str, object]:
    return {
        "operation": operation.id,
        "command": operation.command_text,
        "state": operation.state,
        "since": datetime.fromtimestamp(operation.started, UTC).isoformat(),
    }


def _history(desk: BuiltinCommands) -> Command:
    @command("history", examples=("history --limit 5",))
    async def history(call: Call, limit: int = 10) -> Reply:
        """Show what you ran last, and how it went."""
        if not 1 <= limit <= 100:
            raise ValidationFailed("--limit must be between 1 and 100")
        records = await desk.parts.store.history(call.person.name, limit)
        if not records:
            return Reply.of("You have not run anything yet.", data={"history": []})
        rows = tuple((_when(item.at), item.text, _outcome(item)) for item in records)
        return Reply.of(
            Table(("When (UTC)", "Command", "Outcome"), rows),
            data={"history": [_as_data(item) for item in records]},
            private=True,
        )

    return history


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _outcome(item: Record) -> Cell:
    severity = {"success": Severity.GOOD, "pending": Severity.INFO}
    return Cell(item.outcome, severity.get(item.outcome, Severity.WARNING))


def _as_data(item: Record) -> dict[str, object]:
    return {
        "at": datetime.fromtimestamp(item.at, UTC).isoformat(),
        "command": item.text,
        "outcome": item.outcome,
        "place": item.place,
        "requestId": item.request_id,
    }

"""The core's own commands.

They concern only the person who asks, so everybody with a role may use them
unless a rule denies it. Only ``audit`` shows what others did: it needs a rule that names it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from smartops.command import Call, Command, command
from smartops.errors import ValidationFailed
from smartops.grammar import NotPermitted
from smartops.jsonable import timestamp
from smartops.reply import Action, Cell, Fields, Reply, Severity, Table
from smartops.store import Approval, ApprovalMessage, AuditEvent, Operation, Store

from .access import CORE, forbidden, may_ever, refused_by_guards
from .approvals import TOKEN, ask_again, withdraw
from .audit_command import audit, outcome_cell, when
from .operations import outcome_of
from .permission import may_i
from .steps import Parts

_OPERATION = re.compile(r"op-[0-9a-f]{12}")


@command("help [{about...}]", examples=("help", "help list instances"))
async def help_command(call: Call, core: Parts, about: str = "") -> Reply:
    """Show what you may run here, or explain one command.

    Without an argument it lists every command that you may run in this
    place. With the name of a command it shows how that is written.
    """

    def permitted(item: Command) -> bool:
        return may_ever(core.policy, call.person, item, call.message.place)

    refused: dict[str, str] = {}
    for item in core.grammar.commands if core.guards else ():
        if permitted(item) and (reason := await refused_by_guards(core, call, item)):
            refused[item.name] = reason
    name = about.strip()
    name = "" if name.casefold() == "me" else name
    try:
        answer = core.grammar.help(permitted, name or None, refused)
    except NotPermitted as error:
        place = call.message.place
        raise forbidden(core.policy, call.person, error.forbidden, place) from None
    return replace(answer, private=True)  # it is what this one person may run


@command("whoami")
async def whoami(call: Call) -> Reply:
    """Show your identity and roles."""
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


@command("can-i {text...}", "can i {text...}", examples=("can-i stop web-server-01",))
async def can_i(call: Call, core: Parts, text: str) -> Reply:
    """Say whether you may run a command here, by which rule, and whether it asks you to confirm.

    Nothing is run or planned.
    """
    return await may_i(core, call, text)


@command(
    "approvals [{approval}]", examples=("approvals", "approvals ap-0123456789ab"), by_hand=True
)
async def approvals(call: Call, core: Parts, approval: str = "", limit: int = 10) -> Reply:
    """List your pending confirmations on all channels, soonest to expire first.

    A single one is shown with its buttons. Of several, name one to see its buttons.
    """
    _check_limit(limit)
    if approval:
        waiting = [_named(await core.store.pending(call.person.name), approval)]
    else:
        waiting = await core.store.pending(call.person.name, limit=limit)
    if len(waiting) == 1:
        return await ask_again(core.store, core.clock, call.message, waiting[0])
    return await _listed(core.store, waiting)


@command("cancel [{what}]", examples=("cancel", "cancel op-0123456789ab"), by_hand=True)
async def cancel(call: Call, core: Parts, what: str = "") -> Reply:
    """Cancel a pending confirmation in this conversation, or a running operation.

    If several confirmations are pending, name one by its id; see "approvals". For
    an operation, give its id; see "operations".
    """
    store, person = core.store, call.person.name
    if _OPERATION.fullmatch(what):
        return await _stop(core, person, what)
    if token := TOKEN.fullmatch(what):
        behind = await store.approval_behind(token[2])
        what = behind.id if behind else what
    if what:
        approval = _named(await store.pending(person), what)
        return await withdraw(core, call.person, call.message, approval)
    waiting = await store.pending(person, (call.message.channel, call.message.conversation))
    if not waiting:
        raise ValidationFailed(
            "You have no pending confirmation here", details="On all channels: approvals"
        )
    if len(waiting) > 1:
        raise ValidationFailed(
            f"You have {len(waiting)} pending confirmations here",
            details="\n".join(f"cancel {item.id}: {item.command_text}" for item in waiting),
        )
    return await withdraw(core, call.person, call.message, waiting[0])


@command("history", examples=("history --limit 5",))
async def history(call: Call, core: Parts, limit: int = 10) -> Reply:
    """Show what you ran last, and how it went."""
    _check_limit(limit)
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
    _check_limit(limit)
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
    found = await _own(core.store, call.person.name, operation)
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


CORE_COMMANDS: tuple[Command, ...] = tuple(
    item.owned(CORE)
    for item in (
        help_command,
        whoami,
        can_i,
        approvals,
        cancel,
        history,
        audit,
        operations,
        show_operation,
    )
)
"""The commands, owned by the core."""


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= 100:
        raise ValidationFailed("--limit must be between 1 and 100")


def _named(waiting: Sequence[Approval], id: str) -> Approval:
    for item in waiting:
        if item.id == id:
            return item
    raise ValidationFailed(f"No pending confirmation {id}", details="See: approvals")


async def _listed(store: Store, waiting: Sequence[Approval]) -> Reply:
    messages = await store.approval_messages(*(item.id for item in waiting))
    asked_in = {
        item.id: _channels([it for it in messages if it.approval == item.id]) for item in waiting
    }
    data = {
        "approvals": [
            {
                "approval": item.id,
                "command": item.command_text,
                "channels": asked_in[item.id],
                "expires": timestamp(datetime.fromtimestamp(item.expires, UTC)),
            }
            for item in waiting
        ]
    }
    if not waiting:
        return Reply.of("You have no pending confirmations.", data=data, private=True)
    rows = tuple(
        (item.id, item.command_text, ", ".join(asked_in[item.id]), when(item.expires))
        for item in waiting
    )
    together = (("Command", "ID"), ("Asked in", "Until (UTC)"))
    return Reply(
        data=data,
        view=(Table(("ID", "Command", "Asked in", "Until (UTC)"), rows, together),),
        actions=tuple(
            Action("command", f"Show {item.id}", f"approvals {item.id}") for item in waiting
        ),
        private=True,
    )


def _channels(messages: Sequence[ApprovalMessage]) -> list[str]:
    return sorted({item.channel for item in messages})


async def _stop(core: Parts, person: str, id: str) -> Reply:
    """Ask the process that executes an operation to stop it."""
    operation = await _own(core.store, person, id)
    if not await core.store.request_cancel(id):
        raise ValidationFailed(f"{id} is not running: it is {operation.state}")
    core.running.cancel(id)
    return Reply.of(f"Asked to stop: {operation.command_text} ({id})", data={"operation": id})


async def _own(store: Store, person: str, id: str) -> Operation:
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

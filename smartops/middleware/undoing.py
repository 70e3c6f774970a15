"""Undo: the opposite call of a change, stored with its operation, and asked for like any other."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from smartops.command import Command
from smartops.contained import Caught
from smartops.errors import ValidationFailed
from smartops.grammar import dump_arguments, load_arguments
from smartops.jsonable import timestamp
from smartops.plan import Plan
from smartops.reply import Action, Reply
from smartops.store import Operation, Store

from .access import CORE, may_ever
from .approvals import plan_of
from .dispatch import Run
from .steps import Parts, Understood

log = logging.getLogger("smartops.gate")

UNDO = "undo"
"""The name of the command."""

LIFE = timedelta(hours=1)
"""How long a change can be undone."""


async def inverse_of(parts: Parts, run: Run) -> Mapping[str, Any] | None:
    """Return the call that undoes a run, as it is stored; None if there is none for its person.

    Nor is there one with a secret in it, which would be stored masked.
    """
    call = run.call
    with Caught(log, "the undo of %s failed", call.command):
        found = await run.wired.inverse(call, run.plan)
        if found is None:
            return None
        command = _registered(parts, found[0], run.wired.command.owner)
        if not may_ever(parts.policy, call.person, command, call.message.place):
            return None
        arguments = {item.name: item.default for item in command.parameters} | dict(found[1])
        stored = {
            "name": command.name,
            "arguments": json.loads(dump_arguments(arguments)),
            "command": parts.grammar.text(command, arguments),
        }
        return stored if parts.masker.reply(Reply(data=stored)).data == stored else None
    return None


def with_undo(reply: Reply, inverse: Mapping[str, Any] | None, id: str, now: datetime) -> Reply:
    """Return the reply of an operation with a button that undoes it."""
    if inverse is None:
        return reply
    data = {**reply.data, "undo": {**inverse, "until": timestamp(now + LIFE)}}
    actions = (*reply.actions, Action("command", "Undo", f"{UNDO} {id}"))
    return replace(reply, data=data, actions=actions)


async def own_operation(store: Store, person: str, id: str) -> Operation:
    """Return an operation of this person; raises ValidationFailed if there is none."""
    operation = await store.operation(id)
    if operation is None or operation.person != person:
        raise ValidationFailed(f"You have no operation {id}", details="See: operations")
    return operation


async def undone(parts: Parts, understood: Understood) -> Understood:
    """Return the opposite call if ``undo`` names an operation, else the call itself."""
    named = understood.call.arguments.get("operation")
    if understood.command.owner != CORE or understood.command.name != UNDO or not named:
        return understood
    done = await own_operation(parts.store, understood.call.person.name, named)
    inverse = stored_inverse(done, parts.clock.now())
    wired = parts.wired.get(inverse["name"])
    if wired is None:
        raise ValidationFailed(f"There is no command {inverse['name']} any more")
    command, stored = wired.command, json.dumps(inverse["arguments"])
    call = replace(
        understood.call,
        command=command.name,
        arguments=load_arguments(command, stored, by_id=True),
        text=inverse["command"],
        owner=command.owner,
    )
    return Understood(command, call, interpreted=True, undoes=done)


def stored_inverse(done: Operation, now: datetime) -> Mapping[str, Any]:
    """Return the opposite call of an operation; raises ValidationFailed if it has none now."""
    found: Mapping[str, Any] | None = None
    if done.state == "done" and done.answer:
        found = Reply.load(done.answer).data.get("undo")
    if found is None:
        raise ValidationFailed(f"{done.command_text} cannot be undone")
    if done.finished is None or now > datetime.fromtimestamp(done.finished, UTC) + LIFE:
        raise ValidationFailed(
            f"{done.command_text} cannot be undone any more",
            details="A change can be undone for an hour",
        )
    return found


def check_left(done: Operation, plan: Plan) -> None:
    """Raise ValidationFailed unless the targets are as the operation left them."""
    left = {(change.target, change.after) for change in plan_of(done.plan).changes}
    moved = [item for item in plan.changes if (item.target, item.before) not in left]
    if moved or plan.idle:
        lines = [f"{item.label} is now: {item.before}" for item in moved or plan.changes]
        raise ValidationFailed(
            f"{done.command_text} cannot be undone: its targets have changed since",
            details="\n".join(lines[:10]),
        )


def _registered(parts: Parts, command: Command, owner: str) -> Command:
    """Return a plugin's command as it is registered, with the prefix of the plugin."""
    for wired in parts.wired.values():
        if wired.command.owner == owner and wired.command.handler is command.handler:
            return wired.command
    raise LookupError(f"{owner} has not registered {command.name!r}")

"""The commands about pending confirmations: ``approvals`` and ``cancel``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from smartops.command import Call, command
from smartops.errors import ValidationFailed
from smartops.jsonable import timestamp
from smartops.middleware.approvals import TOKEN, ask_again, withdraw
from smartops.middleware.steps import Parts
from smartops.middleware.undoing import own_operation
from smartops.reply import Action, Reply, Table
from smartops.store import Approval, ApprovalMessage, Store

from .audit import when
from .operations import check_limit

_OPERATION = re.compile(r"op-[0-9a-f]{12}")


@command(
    "approvals [{approval}]", examples=("approvals", "approvals ap-0123456789ab"), by_hand=True
)
async def approvals(call: Call, core: Parts, approval: str = "", limit: int = 10) -> Reply:
    """List your pending confirmations on all channels, soonest to expire first.

    A single one is shown with its buttons. Of several, name one to see its buttons.
    """
    check_limit(limit)
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
    operation = await own_operation(core.store, person, id)
    if not await core.store.request_cancel(id):
        raise ValidationFailed(f"{id} is not running: it is {operation.state}")
    core.running.cancel(id)
    return Reply.of(f"Asked to stop: {operation.command_text} ({id})", data={"operation": id})

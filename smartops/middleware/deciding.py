"""The core's commands about what waits for one's decision."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from smartops.command import Call, Command, command
from smartops.errors import ValidationFailed
from smartops.jsonable import timestamp
from smartops.reply import Action, Reply, Table
from smartops.store import Approval, Showing

from .asking import ask_again
from .operations import OPERATION, stop, when
from .tokens import TOKEN, withdraw
from .turn import Desk, Parts


def approvals(desk: Desk) -> Command:
    """Return the command that shows what waits, wherever it was asked for."""

    @command(
        "approvals [{approval}]",
        examples=("approvals", "approvals ap-0123456789ab"),
        by_hand=True,
    )
    async def approvals(call: Call, approval: str = "") -> Reply:
        """List your pending confirmations on all channels.

        A single one is shown with its buttons. Of several, name one to see its buttons.
        """
        parts = desk.parts
        waiting = await parts.store.pending(call.person.name)
        if approval:
            waiting = [_named(waiting, approval)]
        if len(waiting) == 1:
            return await ask_again(parts, call.message, waiting[0])
        return await _listed(parts, waiting)

    return approvals


def cancel(desk: Desk) -> Command:
    """Return the command that calls off what waits, or stops what runs."""

    @command("cancel [{what}]", examples=("cancel", "cancel op-0123456789ab"), by_hand=True)
    async def cancel(call: Call, what: str = "") -> Reply:
        """Cancel a pending confirmation in this conversation, or a running operation.

        If several confirmations are pending, name one by its id; see "approvals". For
        an operation, give its id; see "operations".
        """
        parts, message = desk.parts, call.message
        if OPERATION.fullmatch(what):
            return await stop(parts, call, what)
        if token := TOKEN.fullmatch(what):
            approval = await parts.store.approval_behind(token[2])
            what = approval.id if approval else what
        if what:
            waiting = await parts.store.pending(call.person.name)
            return await withdraw(parts, _named(waiting, what))
        here = (message.channel, message.conversation)
        waiting = await parts.store.pending(call.person.name, here)
        if not waiting:
            raise ValidationFailed(
                "You have no pending confirmation here", details="On all channels: approvals"
            )
        if len(waiting) > 1:
            raise ValidationFailed(
                f"You have {len(waiting)} pending confirmations here",
                details="\n".join(f"cancel {item.id}: {item.command_text}" for item in waiting),
            )
        return await withdraw(parts, waiting[0])

    return cancel


def _named(waiting: Sequence[Approval], id: str) -> Approval:
    for item in waiting:
        if item.id == id:
            return item
    raise ValidationFailed(f"No pending confirmation {id}", details="See: approvals")


async def _listed(parts: Parts, waiting: Sequence[Approval]) -> Reply:
    asked_in = {item.id: _channels(await parts.store.showings(item.id)) for item in waiting}
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
            Action("command", item.command_text, f"approvals {item.id}") for item in waiting
        ),
        private=True,
    )


def _channels(showings: Sequence[Showing]) -> list[str]:
    return sorted({item.channel for item in showings})

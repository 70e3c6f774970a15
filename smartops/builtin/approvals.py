"""The commands about approvals: one's own confirmations, and the requests of others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from smartops.auth.demands import load
from smartops.command import Call, command
from smartops.errors import ValidationFailed
from smartops.jsonable import timestamp
from smartops.middleware.approvals import TOKEN, ask_again, shown_by, withdraw
from smartops.middleware.demands import approver
from smartops.middleware.requests import (
    approval_data,
    check_may_decide,
    decide,
    request_card,
    withdraw_request,
)
from smartops.middleware.steps import Answer, Parts
from smartops.middleware.undoing import own_operation
from smartops.reply import Action, Form, FormField, Reply, Row, Table
from smartops.store import Approval, ApprovalMessage, Decision

from .audit import when
from .operations import check_limit

_OPERATION = re.compile(r"op-[0-9a-f]{12}")


@command(
    "approvals [{approval}]", examples=("approvals", "approvals ap-0123456789ab"), by_hand=True
)
async def approvals(call: Call, core: Parts, approval: str = "", limit: int = 10) -> Reply:
    """List what waits for your approval or confirmation on all channels, and what you wait for.

    Soonest to expire first. A single one is shown with its buttons. Of several, name one to
    see it.
    """
    check_limit(limit)
    waiting = await core.store.pending(call.person.name, limit=limit)
    requests = await core.store.requests()
    mine = [item for item in requests if item.person == call.person.name][:limit]
    others = [item for item in requests if approver(core, item, load(item.demands), call.message)]
    if approval:
        return await _one(core, call, approval)
    if len(waiting) == 1 and not mine and not others:
        return await ask_again(core, call.message, waiting[0])
    if len(others) == 1 and not mine and not waiting:
        return await _shown(core, call, others[0])
    return await _listed(core, waiting, mine, others[:limit])


@command("approve {approval}", examples=("approve ap-0123456789ab",), by_hand=True)
async def approve(call: Call, core: Parts, approval: str) -> Reply:
    """Approve the change that another person has requested."""
    found = await _request(core, approval)
    return await _tracked(core, call, await decide(core, call, found, "approved"))


@command(
    "deny {approval} [because {reason...}]",
    examples=("deny ap-0123456789ab because it is in use",),
    by_hand=True,
)
async def deny(call: Call, core: Parts, approval: str, reason: str = "") -> Reply:
    """Deny the change that another person has requested, and say why."""
    found = await _request(core, approval)
    if not reason.strip():
        check_may_decide(core, call, found)
        return _why(call, found)
    return await _tracked(core, call, await decide(core, call, found, "declined", reason.strip()))


@command("withdraw {approval}", examples=("withdraw ap-0123456789ab",), by_hand=True)
async def withdraw_command(call: Call, core: Parts, approval: str) -> Reply:
    """Withdraw a change that you have requested."""
    return await _withdrawn(core, call, approval)


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
        return await _withdrawn(core, call, what)
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


async def _withdrawn(core: Parts, call: Call, id: str) -> Reply:
    found = await core.store.approval(id)
    if found is not None and found.person == call.person.name:
        if found.state == "requested":
            return await _tracked(core, call, await withdraw_request(core, call, found))
        if found.state == "pending":
            return await withdraw(core, call.person, call.message, found)
    raise ValidationFailed(f"No pending confirmation {id}", details="See: approvals")


async def _request(core: Parts, id: str) -> Approval:
    found = await core.store.approval(id)
    if found is None or not found.requested:
        raise ValidationFailed(f"There is no request {id}", details="See: approvals")
    return found


async def _one(core: Parts, call: Call, id: str) -> Reply:
    """Return one approval, if the sender has requested it or can decide it."""
    found = await core.store.approval(id)
    if found is not None and found.person == call.person.name and found.state == "pending":
        return await ask_again(core, call.message, found)
    if found is None or not found.requested or not _may_see(core, call, found):
        raise ValidationFailed(f"No pending confirmation {id}", details="See: approvals")
    return await _shown(core, call, found)


def _may_see(core: Parts, call: Call, found: Approval) -> bool:
    mine = found.person == call.person.name
    return mine or bool(approver(core, found, load(found.demands), call.message))


async def _shown(core: Parts, call: Call, found: Approval) -> Reply:
    """Return the card of a request, in whatever state it is; it is updated from now on."""
    card = request_card(core, found, await core.store.decisions(found.id))
    if found.state == "confirmed":
        operation = await core.store.operation_for(found.id)
        if operation is not None:
            done = {"operation": operation.id, "operationState": operation.state}
            card = replace(card, data={**card.data, "approval": {**card.data["approval"], **done}})
    return replace(await _tracked(core, call, card), decided="", private=True)


async def _tracked(core: Parts, call: Call, card: Answer) -> Answer:
    """Return the card of a request; if it is a message of its own, it is updated from now on."""
    found = await core.store.approval(card.decided)
    if found is None or call.message.shown_in or card.status != "pending":
        return card
    message = shown_by(call.message, found)
    await core.store.add_approval_message(message)
    return replace(card, approval_message=message.key)


def _why(call: Call, found: Approval) -> Reply:
    """Return the form that asks for the reason of a denial."""
    text = f"deny {found.id}"
    if not call.message.asks:
        raise ValidationFailed("Say why you deny it", details=f"Write: {text} because …")
    title = f"Why do you deny {found.person} this: {found.command_text}?"
    form = Form(text, title, (FormField("reason", "Reason"),))
    back = Action("cancel", "Back", f"review_{found.id}")
    return Reply(
        "pending", data={"missing": ["reason"]}, view=(form,), actions=(back,), private=True
    )


async def _listed(
    core: Parts, waiting: Sequence[Approval], mine: Sequence[Approval], others: Sequence[Approval]
) -> Reply:
    store = core.store
    messages = await store.approval_messages(*(item.id for item in waiting))
    decisions = await store.decisions(*(item.id for item in (*mine, *others)))
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
        ],
        "waitingForMe": [_data(core, item, decisions) for item in others],
        "waitingForOthers": [_data(core, item, decisions) for item in mine],
    }
    if not (waiting or mine or others):
        return Reply.of("You have no pending confirmations.", data=data, private=True)
    rows = [
        *(_row(item, f"{item.person} asks you") for item in others),
        *(_row(item, f"you asked in {', '.join(asked_in[item.id])}") for item in waiting),
        *(_row(item, f"waits for {_who(item)}") for item in mine),
    ]
    together = (("Command", "ID"), ("State", "Until (UTC)"))
    shown = (*others, *waiting, *mine)
    return Reply(
        data=data,
        view=(Table(("ID", "Command", "State", "Until (UTC)"), tuple(rows), together),),
        actions=tuple(
            Action("command", f"Show {item.id}", f"approvals {item.id}") for item in shown
        ),
        private=True,
    )


def _row(item: Approval, state: str) -> Row:
    return (item.id, item.command_text, state, when(item.expires))


def _who(item: Approval) -> str:
    return " and ".join(demand.who for demand in load(item.demands))


def _data(core: Parts, item: Approval, decisions: Sequence[Decision]) -> dict[str, object]:
    return approval_data(core, item, [it for it in decisions if it.approval == item.id])


def _channels(messages: Sequence[ApprovalMessage]) -> list[str]:
    return sorted({item.channel for item in messages})


async def _stop(core: Parts, person: str, id: str) -> Reply:
    """Ask the process that executes an operation to stop it."""
    operation = await own_operation(core.store, person, id)
    if not await core.store.request_cancel(id):
        raise ValidationFailed(f"{id} is not running: it is {operation.state}")
    core.running.cancel(id)
    return Reply.of(f"Asked to stop: {operation.command_text} ({id})", data={"operation": id})

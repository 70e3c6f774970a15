"""The opaque tokens that buttons carry, and the approvals they stand for."""

from __future__ import annotations

import re
from dataclasses import replace

from smartops.errors import ApprovalInvalid
from smartops.message import Person
from smartops.reply import Reply
from smartops.store import Approval

from .turn import Parts, Turn

TOKEN = re.compile(r"(confirm|cancel)_([a-z2-7]{26})")


async def approval_of(parts: Parts, turn: Turn, person: Person, token: str) -> Approval:
    """Return the pending approval that a token stands for.

    Raises ApprovalInvalid, with one text for what is unknown and what is
    somebody else's, so that guessing tells nothing.
    """
    approval = await parts.store.approval_behind(token)
    if approval is None or approval.person != person.name:
        raise ApprovalInvalid(
            "This confirmation is not valid",
            details="It is unknown, or was given to somebody else. Repeat the command.",
        )
    if approval.state == "expired":
        turn.closes = approval.id
        raise ApprovalInvalid(
            "This confirmation has expired",
            details=f"Nothing was done. Repeat the command to be asked again: "
            f"{approval.command_text}",
        )
    if approval.state != "pending":
        raise ApprovalInvalid(
            f"This was {approval.state} already",
            details=f"It was for: {approval.command_text}. Look at: history",
        )
    return approval


async def withdraw(parts: Parts, approval: Approval) -> Reply:
    """Cancel a pending approval."""
    if not await parts.store.cancel(approval.id):
        raise ApprovalInvalid("This confirmation was used in the meantime")
    reply = Reply.of(
        f"Cancelled: {approval.command_text}",
        "Nothing was changed.",
        data={"cancelled": approval.command_text},
    )
    return replace(reply, closes=approval.id)

"""The opaque tokens that buttons carry, and the approvals they stand for."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from smartops.command import Command
from smartops.errors import ApprovalInvalid, ValidationFailed
from smartops.grammar import Parsed
from smartops.message import Person
from smartops.reply import Reply
from smartops.store import Approval

from .turn import Parts, Turn

_YES = frozenset({"yes", "y", "confirm", "ok", "proceed", "yes, proceed"})
_NO = frozenset({"no", "n"})
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
            details=f"It was for: {approval.command_text}. See: history",
        )
    return approval


async def decided_in_words(
    parts: Parts, turn: Turn, said: str, permitted: Callable[[Command], bool]
) -> Parsed | None:
    """Return the call of ``cancel`` for a typed no while a confirmation is open here.

    A yes is only taken from the button, which says what it is a yes to: raises
    ValidationFailed. Returns None if neither is said, or nothing is open.
    """
    word = said.casefold().rstrip(".!")
    if word not in _YES | _NO:
        return None
    assert turn.person is not None
    here = (turn.message.channel, turn.message.conversation)
    waiting = await parts.store.pending(turn.person.name, here)
    if not waiting:
        return None
    if word in _NO:
        return parts.grammar.parse("cancel", permitted)
    raise ValidationFailed(
        'Press "Yes, proceed" on the card above',
        details="\n".join(f"Pending confirmation: {item.command_text}" for item in waiting),
    )


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

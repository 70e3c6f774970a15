"""Text or a pressed action to a Call."""

from __future__ import annotations

import re

from smartops.command import Call, Command
from smartops.errors import ApprovalInvalid, PermissionDenied, ValidationFailed
from smartops.grammar import Parsed, UnknownCommand
from smartops.message import Person
from smartops.reply import Reply
from smartops.store import Approval

from .authorise import may_ever
from .turn import Parts, Proceed, Turn

TOKEN = re.compile(r"(confirm|cancel)_([a-z2-7]{26})")


async def parse(parts: Parts, proceed: Proceed, turn: Turn) -> Reply:
    """Make a Call of what was said.

    A token, pressed or typed, stands for the call it was given out for. Help and
    suggestions know only what this person may run.
    """
    person = turn.person
    assert person is not None
    if not person.roles:
        raise PermissionDenied(
            "SmartOps does not know you",
            details=f"Ask an operator to add the identity {person.identity} under people:",
        )
    said = turn.message.action or turn.message.text.strip()
    token = TOKEN.fullmatch(said)
    if token is not None:
        turn.approval = await _approval(parts, person, token[2])
        if token[1] == "cancel":
            return await withdraw(parts, turn.approval)
        said = turn.approval.command_text
    elif not said:
        raise ValidationFailed("The message is empty", details="Try: help")
    parsed = await _parsed(parts, turn, person, said)
    turn.command = parsed.command
    turn.call = Call(
        parsed.command.name, parsed.arguments, person, turn.message, parsed.text, turn.act
    )
    return await proceed(turn)


async def withdraw(parts: Parts, approval: Approval) -> Reply:
    """Cancel a pending approval."""
    if not await parts.store.cancel(approval):
        raise ApprovalInvalid("This confirmation was used in the meantime")
    return Reply.of(
        f"Cancelled: {approval.command_text}",
        "Nothing was changed.",
        data={"cancelled": approval.command_text},
    )


async def _parsed(parts: Parts, turn: Turn, person: Person, said: str) -> Parsed:
    def permitted(command: Command) -> bool:
        return may_ever(parts, person, command, turn.message.place)

    try:
        return parts.grammar.parse(said, permitted)
    except UnknownCommand:
        for interpreter in parts.interpreters:
            commands = [wired.command for wired in parts.wired.values()]
            proposal = await interpreter.propose(
                turn.message, person, [item for item in commands if permitted(item)]
            )
            if proposal is not None:
                return parts.grammar.parse(proposal, permitted)
        raise


async def _approval(parts: Parts, person: Person, token: str) -> Approval:
    approval = await parts.store.approval(token)
    if approval is None or approval.person != person.name:
        # one answer for both, so that guessing tells nothing
        raise ApprovalInvalid(
            "This confirmation is not valid",
            details="It is unknown, or was given to somebody else. Repeat the command.",
        )
    state = approval.state
    if state == "pending" and approval.expires <= parts.clock.time():
        state = "expired"
    if state != "pending":
        raise ApprovalInvalid(
            f"This confirmation was {state} already"
            if state != "expired"
            else "This confirmation has expired",
            details=f"It was for: {approval.command_text}. Repeat the command to be asked again.",
        )
    return approval

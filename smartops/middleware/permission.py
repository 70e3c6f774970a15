"""Whether a person may run a text, and which rule says so. Nothing is run."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from smartops.command import Call
from smartops.errors import PermissionDenied, Refusal
from smartops.message import Message, Person, Place
from smartops.reply import Reply

from .authorise import CORE, authorise
from .turn import Parts, Turn


@dataclass(frozen=True, slots=True)
class Permission:
    """The answer, and the lines that explain it."""

    allowed: bool
    lines: tuple[str, ...]


async def may_run(parts: Parts, person: Person, place: Place, text: str) -> Permission:
    """Run the gate's own authorise step, so that this answer and the real one cannot differ.

    Raises ValidationFailed if the text is no command.
    """
    turn = _turn(parts, person, place, text)
    refusal: Refusal | None = None
    try:
        await authorise(parts, _reached, turn)
    except Refusal as error:
        refusal = error
    lines = _rules(parts, turn, person)
    if not person.roles:
        return Permission(False, (lines[0], "denied: nobody with this identity is known"))
    if refusal is not None:
        return Permission(False, (*lines[:-1], f"denied: {_reason(refusal)}"))
    if turn.command is not None and turn.command.owner == CORE:
        return Permission(True, (*lines[:-1], "allowed: it concerns only the person who asks"))
    return Permission(True, lines)


def _turn(parts: Parts, person: Person, place: Place, text: str) -> Turn:
    now, request_id = parts.clock.now(), secrets.token_hex(8)
    message = Message("", place.channel, "can-i", person.identity, place, now, request_id)
    parsed = parts.grammar.parse(text, lambda _: True)
    call = Call(parsed.command.name, parsed.arguments, person, message, parsed.text)
    return Turn(message, parts.clock.time(), person=person, command=parsed.command, call=call)


async def _reached(_: Turn) -> Reply:
    return Reply()


def _rules(parts: Parts, turn: Turn, person: Person) -> tuple[str, ...]:
    """Return one line for the person, one for each rule, and one for the decision."""
    command, call = turn.command, turn.call
    assert command is not None
    assert call is not None
    effect = turn.effect or (None if parts.wired[command.name].classifies else command.effect)
    targets = call.targets if turn.effect else None
    place = turn.message.place
    return tuple(parts.policy.explain(person, command, effect, place, call.arguments, targets))


def _reason(refusal: Refusal) -> str:
    """Return the rule that denies, or what else is in the way."""
    if isinstance(refusal, PermissionDenied) and refusal.details:
        return refusal.details
    return "; ".join(filter(None, (refusal.message, refusal.details)))

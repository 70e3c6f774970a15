"""Whether a person may run a call, asked without running it: ``smartops can-i`` and ``can-i``."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from smartops.auth import Demand
from smartops.command import Call, Command, Effect
from smartops.errors import PermissionDenied, Refusal
from smartops.grammar import NotPermitted, UnknownCommand
from smartops.message import Message, Person, Place
from smartops.middleware.access import (
    CORE,
    Denied,
    authorise,
    check_guards,
    is_own,
    may_ever,
    naming_failures,
)
from smartops.middleware.demands import needed
from smartops.middleware.steps import Allowed, Parts, Understood
from smartops.middleware.undoing import undone
from smartops.reply import Fields, Reply


async def may_i(parts: Parts, call: Call, text: str) -> Reply:
    """Return whether the person of ``call`` may run ``text`` in the same place.

    A command that this person may never run is answered like one that does not
    exist. What is wrong with the text or its targets is raised.
    """
    permitted = partial(may_ever, parts.policy, call.person, place=call.message.place)
    try:
        parsed = parts.grammar.parse(text, permitted)
    except (UnknownCommand, NotPermitted):
        parsed = None
    if parsed is None or not permitted(parsed.command):
        return _no(text, "There is no such command that you may run here. See: help")
    wanted = replace(
        call,
        command=parsed.command.name,
        arguments=parsed.arguments,
        text=parsed.text,
        owner=parsed.command.owner,
        emergency=parsed.command.emergency(parsed.arguments),
    )
    understood = await undone(parts, Understood(parsed.command, wanted))
    try:
        allowed = await authorise(parts, understood.command, understood.call)
        allowed = replace(allowed, demands=await check_guards(parts, allowed))
    except PermissionDenied as refusal:
        rule = refusal.rule if isinstance(refusal, Denied) else ""
        return _no(wanted.text, _reason(refusal), rule)
    return naming_failures(allowed.failures, _yes(parts, allowed))


def _yes(parts: Parts, allowed: Allowed) -> Reply:
    confirmation = allowed.effect is not Effect.READ
    demands = needed(parts, allowed).demands if confirmation else ()
    rule = "" if allowed.rule == CORE else allowed.rule
    fields = Fields(
        (
            ("Allowed by", rule or "it concerns only you"),
            ("Confirmation", "needed" if confirmation else "not needed"),
            *(("Approval by others", f"{demand.who} ({demand.name})") for demand in demands),
        )
    )
    data = {
        "allowed": True,
        "command": allowed.call.text,
        "rule": rule,
        "confirmation": confirmation,
        **({"approval": [demand.who for demand in demands]} if demands else {}),
    }
    return Reply.of(f"Yes: {allowed.call.text}", fields, data=data, private=True)


def _no(text: str, reason: str, rule: str = "") -> Reply:
    data = {"allowed": False, "command": text, "rule": rule, "reason": reason}
    return Reply.of(f"No: {text}", reason, data=data, private=True)


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether a call is allowed, and the lines that explain it."""

    allowed: bool
    lines: tuple[str, ...]


async def may_run(parts: Parts, person: Person, place: Place, text: str) -> Permission:
    """Explain whether the person may run the text in a place, by the gate's own steps.

    Nothing is run or planned. Raises ValidationFailed if the text is no command.
    """
    now, request_id = parts.clock.now(), secrets.token_hex(8)
    message = Message("", place.channel, "can-i", person.identity, place, now, request_id)
    parsed = parts.grammar.parse(text, lambda _: True)
    command = parsed.command
    call = Call(
        command.name,
        parsed.arguments,
        person,
        message,
        parsed.text,
        owner=command.owner,
        emergency=command.emergency(parsed.arguments),
    )
    effect: Effect | None = None
    refusal: Refusal | None = None
    demands: Sequence[Demand] = ()
    try:
        allowed = await authorise(parts, command, call)
        call, effect = allowed.call, allowed.effect
        allowed = replace(allowed, demands=await check_guards(parts, allowed))
        demands = needed(parts, allowed).demands if effect is not Effect.READ else ()
    except Denied as error:
        call, effect, refusal = error.call or call, error.effect, error
    except Refusal as error:
        refusal = error
    lines = _rules(parts, command, call, effect)
    if not person.roles:
        return Permission(False, (lines[0], "denied: the identity is unknown"))
    if refusal is not None:
        return Permission(False, (*lines[:-1], f"denied: {_reason(refusal)}"))
    if is_own(command):
        return Permission(True, (*lines[:-1], "allowed: it concerns only the person who asks"))
    others = (f"needs the approval of others: {item.who} ({item.name})" for item in demands)
    return Permission(True, (*lines, *others))


def _rules(parts: Parts, command: Command, call: Call, effect: Effect | None) -> tuple[str, ...]:
    """Return one line for the person, one for each rule, and one for the decision."""
    targets = call.targets if effect else None
    known = effect or (None if parts.wired[command.name].classifies else command.effect)
    place, arguments = call.message.place, call.arguments
    return tuple(parts.policy.explain(call.person, command, known, place, arguments, targets))


def _reason(refusal: Refusal) -> str:
    """Return the rule that denies, or what else refuses."""
    if isinstance(refusal, Denied):
        return refusal.details or refusal.message
    return "; ".join(filter(None, (refusal.message, refusal.details)))

"""Deny by default, on typed arguments and the resolved targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from smartops.auth import Decision
from smartops.backend import Failure, Instance
from smartops.command import Call, Command, Effect
from smartops.errors import PermissionDenied
from smartops.message import Person, Place
from smartops.reply import Reply, Severity, Text
from smartops.targets import resolve

from .turn import Parts, Proceed, Turn

CORE = "core"
"""The owner of the core's own commands."""


async def authorise(parts: Parts, proceed: Proceed, turn: Turn) -> Reply:
    """Ask the policy before targets are looked up, and again once they are known.

    The first question keeps somebody who may not run the command at all from
    learning which machines exist.
    """
    call, command = turn.call, turn.command
    assert call is not None
    assert command is not None
    wired = parts.wired[command.name]
    effect = None if wired.classifies else command.effect
    failures: tuple[Failure, ...] = ()
    targets: Sequence[Instance] = ()
    if wired.takes_targets or wired.classifies:
        early = _decide(parts, call, command, effect, None)
        if not early.allowed and not early.maybe:
            raise _denied(turn, early)
        resolved = await resolve(
            command.parameters,
            call.arguments,
            parts.compute,
            whole=command.effect is not Effect.READ,
        )
        failures = resolved.failures
        turn.call = call = replace(call, arguments=resolved.arguments)
        effect = await wired.effect(call)
        targets = call.targets
    turn.effect = effect
    decision = _decide(parts, call, command, effect, targets)
    turn.rule = decision.rule
    if not decision.allowed:
        raise _denied(turn, decision)
    reply = await proceed(turn)
    return _naming(failures, reply) if failures else reply


def _naming(failures: Sequence[Failure], reply: Reply) -> Reply:
    """Return the reply with the backends that may have had more targets of that name."""
    known = [*reply.data.get("failures", ())]
    told = {item["backend"] for item in known}
    new = [failure for failure in failures if failure.backend not in told]
    notes = [Text(f"Without {failure}", "note", Severity.WARNING) for failure in new]
    data = {**reply.data, "failures": [*known, *(dict(failure.data) for failure in new)]}
    return replace(reply, view=(*reply.view, *notes), data=data)


def may_ever(parts: Parts, person: Person, command: Command, place: Place) -> bool:
    """Whether there is anything with which the person may run the command here.

    What is the core's own concerns only the person who asks, so it needs no
    rule that allows it; a rule may still deny it.
    """
    if command.owner == CORE:
        decision = parts.policy.decide(person, command, command.effect, place, None, ())
        return not decision.rule or decision.allowed
    return parts.policy.may_ever(person, command, place)


def forbidden(
    parts: Parts, turn: Turn, person: Person, command: Command | None
) -> PermissionDenied:
    """Return the refusal of a command that the person may run in no form here."""
    assert command is not None
    turn.command = command
    place = turn.message.place
    decision = parts.policy.decide(person, command, command.effect, place, None, None)
    turn.rule = decision.rule
    return PermissionDenied(f"You may not run: {command.name}", details=decision.reason)


def _decide(
    parts: Parts,
    call: Call,
    command: Command,
    effect: Effect | None,
    targets: Sequence[Instance] | None,
) -> Decision:
    place = call.message.place
    if command.owner == CORE and may_ever(parts, call.person, command, place):
        return Decision(allowed=True, rule=CORE)
    return parts.policy.decide(call.person, command, effect, place, call.arguments, targets)


def _denied(turn: Turn, decision: Decision) -> PermissionDenied:
    assert turn.call is not None
    turn.rule = decision.rule
    return PermissionDenied(f"You may not run: {turn.call.text}", details=decision.reason)

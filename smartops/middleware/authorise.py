"""Deny by default, on typed arguments and the resolved targets."""

from __future__ import annotations

from dataclasses import replace

from smartops.auth import Decision
from smartops.errors import PermissionDenied
from smartops.reply import Reply
from smartops.targets import resolve

from .turn import Parts, Proceed, Turn


async def authorise(parts: Parts, proceed: Proceed, turn: Turn) -> Reply:
    """Ask the policy before targets are looked up, and again once they are known.

    The first question keeps somebody who may not run the command at all from
    learning which machines exist.
    """
    call, command = turn.call, turn.command
    assert call is not None
    assert command is not None
    wired = parts.wired[command.name]
    place = turn.message.place
    effect = None if wired.classifies else command.effect
    if any(parameter.is_target for parameter in command.parameters) or wired.classifies:
        early = parts.policy.decide(call.person, command, effect, place, call.arguments, None)
        if not early.allowed and not early.maybe:
            raise _denied(turn, early)
        arguments = await resolve(command.parameters, call.arguments, parts.compute)
        turn.call = call = replace(call, arguments=arguments)
        effect = await wired.effect(call)
    turn.effect = effect
    decision = parts.policy.decide(
        call.person, command, effect, place, call.arguments, call.targets
    )
    turn.rule = decision.rule
    if not decision.allowed:
        raise _denied(turn, decision)
    return await proceed(turn)


def _denied(turn: Turn, decision: Decision) -> PermissionDenied:
    assert turn.call is not None
    turn.rule = decision.rule
    return PermissionDenied(f"You may not run: {turn.call.text}", details=decision.reason)

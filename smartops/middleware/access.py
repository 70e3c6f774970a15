"""Who is asking, how often they may, and what they may run: deny by default."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Sequence
from dataclasses import replace

from smartops.auth import Decision, Policy
from smartops.backend import Failure, Instance
from smartops.command import Call, Command, Effect
from smartops.contained import Caught, PluginFailed, contained
from smartops.errors import InstanceNotFound, PermissionDenied, RateLimited, Refusal
from smartops.guard import NeedsApproval
from smartops.limits import Verdict, Window
from smartops.message import Identity, Person, Place
from smartops.reply import Reply, Severity, Text
from smartops.targets import resolve

from .choices import check_choices
from .steps import Allowed, Parts

log = logging.getLogger("smartops.gate")

GUARD_TIMEOUT = 10.0
"""For how many seconds a guard may look at one call."""

CORE = "core"
"""The owner of the core's own commands."""


class Denied(PermissionDenied):
    """The policy denies a command or call; ``rule`` is what denied it, if any.

    ``call`` has its targets, and ``effect`` is known, if they were resolved before.
    """

    def __init__(
        self,
        command: Command,
        decision: Decision,
        call: Call | None = None,
        effect: Effect | None = None,
    ) -> None:
        text = command.name if call is None else call.text
        super().__init__(f"You may not run: {text}", details=decision.reason)
        self.command, self.rule, self.call, self.effect = command, decision.rule, call, effect


class LimitExceeded(RateLimited):
    """A rate limit is used up: the message was not looked at, and can be sent again."""


def identify(parts: Parts, identity: Identity, proven: Sequence[str] = ()) -> Person:
    """Return the person an identity belongs to; a stranger is a person without roles."""
    person = parts.people.person(identity, proven)
    if person is None:
        return Person(str(identity), frozenset(), identity)
    held = parts.grants.of(person.name, parts.clock.time())
    return parts.people.holding(person, [role for role, _ in held]) if held else person


async def take_limits(parts: Parts, person: Person, team: str) -> Verdict:
    """Take one request from the windows of user, team and burst: from all or from none."""
    shared = _shared(person, team)
    keys = {"user": person.name, "team": shared, "burst": shared}
    return await parts.limiter.take(
        [(window, f"{name}:{keys[name]}") for name, window in parts.windows.items()]
    )


async def is_first_excess(parts: Parts, person: Person, verdict: Verdict) -> bool:
    """Return False if the person was refused for the same limit within its window before."""
    window = Window(f"{verdict.window.name}-refused", 1, verdict.window.seconds)
    return (await parts.limiter.take([(window, f"person:{person.name}")])).allowed


def _shared(person: Person, team: str) -> str:
    """Return the key of the limits of a team; a person without one is a team of their own.

    People without roles share limits among themselves only.
    """
    if not person.roles:
        return f"strangers:{team}"
    return f"team:{team}" if team else f"person:{person.name}"


def exceeded(verdict: Verdict) -> LimitExceeded:
    """Return the refusal that says which limit was reached and when to come back."""
    window = verdict.window
    span = {60: "minute", 3600: "hour"}.get(int(window.seconds), f"{window.seconds:g} seconds")
    whose = "" if window.name == "user" else f" ({window.name})"
    return LimitExceeded(
        "Too many requests",
        details=f"Rate limit: {window.limit} requests per {span}{whose}",
        retry_after=verdict.quota.retry_after,
    )


async def authorise(parts: Parts, command: Command, call: Call) -> Allowed:
    """Ask the policy before targets are looked up, and again once they are known.

    So a person who may not run the command at all does not learn which
    machines, or which choices of an argument, exist.
    """
    if call.emergency and call.person.roles.isdisjoint(parts.approvals.emergency.roles):
        needed = " or ".join(sorted(parts.approvals.emergency.roles))
        raise PermissionDenied(
            "You may not use --emergency", details=f"It needs the role {needed}."
        )
    wired = parts.wired[command.name]
    if not wired.takes_targets and not wired.classifies:
        decision = _decide(parts.policy, call, command, command.effect, ())
        if not decision.allowed:
            raise Denied(command, decision, call, command.effect)
        await check_choices(parts, command, call)
        return Allowed(command, call, command.effect, decision.rule)
    known = None if wired.classifies else command.effect
    early = _decide(parts.policy, call, command, known, None)
    if not early.allowed and not early.maybe:
        raise Denied(command, early, call)
    await check_choices(parts, command, call)
    whole = command.effect is not Effect.READ
    try:
        resolved = await resolve(command.parameters, call.arguments, parts.compute, whole=whole)
    except InstanceNotFound as error:
        error.suggestions = _corrected(call.text, error)
        raise
    call = replace(call, arguments=resolved.arguments)
    effect = await wired.effect(call)
    decision = _decide(parts.policy, call, command, effect, call.targets)
    if not decision.allowed:
        raise Denied(command, decision, call, effect)
    return Allowed(command, call, effect, decision.rule, resolved.failures)


async def check_guards(parts: Parts, allowed: Allowed) -> tuple[NeedsApproval, ...]:
    """Ask the guards about the call, and return which approvals by others they demand.

    Raises the refusal of the first that refuses. A guard that fails refuses. The core's
    own commands pass.
    """
    if allowed.command.owner == CORE:
        return ()
    call = allowed.call
    own = parts.wired[call.command].guard(call)
    verdicts: list[NeedsApproval | None] = []
    if own is not None:  # a timeout for nothing would slow down every message
        verdicts.append(await _check(parts, call, allowed.command.owner, own))
    for guard in parts.guards:
        asked = guard.value(call, allowed.effect, allowed.plan)
        verdicts.append(await _check(parts, call, guard.owner, asked))
    demands = tuple(filter(None, verdicts))
    if demands and allowed.effect is Effect.READ:
        details = f"{demands[0].reason}. Only changes can be approved by others."
        raise PermissionDenied(f"You may not run: {call.text}", details=details)
    return demands


async def _check(
    parts: Parts, call: Call, owner: str, guard: Awaitable[NeedsApproval | None]
) -> NeedsApproval | None:
    verdict: NeedsApproval | None = None
    with Caught() as caught:
        verdict = await _ask(parts, owner, guard)
    if caught.error is None:
        return verdict
    if isinstance(caught.error, Refusal):
        raise caught.error
    request_id = call.message.request_id
    more = {"request_id": request_id}
    log.error("the guard of %s failed", owner, exc_info=caught.error, extra=more)
    raise PermissionDenied(
        f"The plugin {owner} did not let this pass: {call.text}",
        details=f"Its guard failed, so nothing was done. Reference: {request_id}",
    )


async def refused_by_guards(parts: Parts, call: Call, command: Command) -> str:
    """Return why guards refuse the command whatever its arguments are; empty if none does.

    They get a call without arguments, so one that fails may only need these.
    """
    effect = Effect.READ if parts.wired[command.name].classifies else command.effect
    call = replace(call, command=command.name, arguments={}, text=command.name, owner=command.owner)
    for guard in parts.guards if command.owner != CORE else ():
        with Caught() as caught:
            await _ask(parts, guard.owner, guard.value(call, effect, None))
        if isinstance(caught.error, Refusal):
            return caught.error.message
    return ""


async def _ask(
    parts: Parts, owner: str, guard: Awaitable[NeedsApproval | None]
) -> NeedsApproval | None:
    with parts.clock.fail_after(GUARD_TIMEOUT):
        returned = await contained(owner, guard)
    if returned is not None and not isinstance(returned, NeedsApproval):
        kind = type(returned).__name__
        raise PluginFailed(f"a guard returned {kind}; it refuses by raising a Refusal")
    return returned


def _corrected(text: str, error: InstanceNotFound) -> tuple[str, ...]:
    """Return the text of a call with each near name in place of the unknown one."""
    word = re.compile(rf"(?<![\w.-]){re.escape(error.target)}(?![\w.-])")
    if len(word.findall(text)) != 1:
        return ()
    names = (name for name in error.suggestions if re.fullmatch(r"[\w.-]+", name))
    return tuple(word.sub(name, text) for name in names)


def naming_failures(failures: Sequence[Failure], reply: Reply) -> Reply:
    """Return the reply with the backends that may have had more targets of that name."""
    if not failures:
        return reply
    known = [*reply.data.get("failures", ())]
    named = {item["backend"] for item in known}
    new = [failure for failure in failures if failure.backend not in named]
    notes = [Text(f"Without {failure}", "note", Severity.WARNING) for failure in new]
    data = {**reply.data, "failures": [*known, *(dict(failure.data) for failure in new)]}
    return replace(reply, view=(*reply.view, *notes), data=data)


def may_ever(policy: Policy, person: Person, command: Command, place: Place) -> bool:
    """Whether there are any arguments with which the person may run the command here.

    The core's own commands concern only the person who asks, so they need no
    rule that allows them, unless they are sensitive; a rule may still deny them.
    """
    if is_own(command):
        decision = policy.decide(person, command, command.effect, place, None, ())
        return not decision.rule or decision.allowed
    return policy.may_ever(person, command, place)


def is_own(command: Command) -> bool:
    """Whether the command needs no rule: it is of the core, and concerns only who asks."""
    return command.owner == CORE and not command.sensitive


def forbidden(policy: Policy, person: Person, command: Command, place: Place) -> Denied:
    """Return the refusal of a command that the person may run in no form here."""
    return Denied(command, policy.decide(person, command, command.effect, place, None, None))


def _decide(
    policy: Policy,
    call: Call,
    command: Command,
    effect: Effect | None,
    targets: Sequence[Instance] | None,
) -> Decision:
    place = call.message.place
    if is_own(command) and may_ever(policy, call.person, command, place):
        return Decision(allowed=True, rule=CORE)
    return policy.decide(call.person, command, effect, place, call.arguments, targets)

"""Whose approval a call needs besides its person's, and who has approved it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from smartops.auth import Demand
from smartops.auth.conditions import Request
from smartops.auth.demands import WITHIN
from smartops.command import REASON, Call, Effect
from smartops.message import Message, Place, parse_identity
from smartops.store import Approval, Decision

from .access import CORE, identify
from .steps import Allowed, Parts

REQUEST_ROLE = "request role"
"""The command whose calls only rules with ``roles_requested`` are about."""


@dataclass(frozen=True, slots=True)
class Needed:
    """The approvals by others that a call needs; none if there are no ``demands``."""

    demands: tuple[Demand, ...] = ()
    needs_reason: bool = False
    within: float = WITHIN
    ask: tuple[Place, ...] = ()

    @property
    def who(self) -> str:
        """Whose approval is needed, in words."""
        return " and ".join(demand.who for demand in self.demands)


def needed(parts: Parts, allowed: Allowed) -> Needed:
    """Return the approvals by others that a call needs; none in an emergency."""
    command, call = allowed.command, allowed.call
    if call.emergency:
        return Needed()
    role = str(call.arguments["role"]) if command.name == REQUEST_ROLE else ""
    if command.owner == CORE and not role:
        return Needed()
    place = call.message.place
    request = Request(call.person, command, allowed.effect, place, call.arguments, call.targets)
    rules = parts.approvals.of(request, role)
    demands = [rule.demand for rule in rules]
    demands += [Demand(item.reason, item.roles, (), item.count) for item in allowed.demands]
    return Needed(
        tuple(demands),
        any(rule.needs_reason for rule in rules) and not reason_of(call),
        min((rule.within for rule in rules), default=WITHIN),
        tuple(dict.fromkeys(place for rule in rules for place in rule.ask)),
    )


def approval_in_help(parts: Parts, call: Call, name: str) -> str:
    """Return whose approval a command of that name may need, whatever its arguments are."""
    command = parts.wired[name].command
    if command.effect is Effect.READ or command.owner == CORE:
        return ""
    request = Request(call.person, command, None, call.message.place)
    return " and ".join(rule.demand.who for rule in parts.approvals.of(request))


def reason_of(call: Call) -> str:
    """Return the reason that the person gave for a call."""
    return call.emergency or str(call.arguments.get(REASON) or "")


def approver(parts: Parts, approval: Approval, demands: Iterable[Demand], message: Message) -> str:
    """Return the name under which the sender can decide a request; empty if they cannot.

    It is the name of the person, so that a second account is the same person.
    """
    requester = identify(parts, Message.load(approval.message.encode()).sender).name
    acting = parse_identity(message.acting) if message.acting else None
    names = {demand.approver(parts.people, message.sender, acting) for demand in demands}
    return next(iter(names - {"", requester}), "")


def approved_by(
    parts: Parts, approval: Approval, demand: Demand, decisions: Iterable[Decision]
) -> list[str]:
    """Return who has approved, and can still do so, in the order of their decisions."""
    requester = identify(parts, Message.load(approval.message.encode()).sender).name
    names = []
    for decision in decisions:
        identity, acting = parse_identity(decision.identity), parse_identity(decision.acting)
        if decision.verdict == "approved" and identity and (acting or not decision.acting):
            names.append(demand.approver(parts.people, identity, acting))
    return [name for name in dict.fromkeys(names) if name and name != requester]


def is_approved(
    parts: Parts, approval: Approval, demands: Iterable[Demand], decisions: Iterable[Decision]
) -> bool:
    """Whether enough people have approved each of the demands."""
    decided = list(decisions)
    return all(
        len(approved_by(parts, approval, demand, decided)) >= demand.count for demand in demands
    )

"""Which calls need the approval of other people, and who can give it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from smartops.config.policy import ApprovalSettings, EmergencySettings
from smartops.message import Identity, Place

from .conditions import Request, Texts, read
from .people import People

WITHIN = 3600.0
"""For how many seconds a request can be decided that only a guard demands."""


@dataclass(frozen=True, slots=True)
class Demand:
    """The approval of ``count`` people that a call needs; ``name`` is the rule or the reason.

    They hold one of the ``roles`` in the people file, or are among ``people``.
    """

    name: str
    roles: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    count: int = 1

    @property
    def who(self) -> str:
        """Who is asked, in words: ``1 lead`` or ``2 of lead or bob``."""
        of = "of " if " or " in self._words else ""
        return f"{self.count} {of}{self._words}"

    def progress(self, names: Sequence[str]) -> str:
        """Return how far it is, in words, when these have approved: ``1 of 2 lead: bob``."""
        of = f"({self._words})" if " or " in self._words else self._words
        by = f": {', '.join(names)}" if names else ""
        return f"{len(names)} of {self.count} {of}{by}"

    @property
    def _words(self) -> str:
        return " or ".join((*self.roles, *self.people))

    def approver(self, people: People, identity: Identity, acting: Identity | None) -> str:
        """Return the name under which the owner of an identity can approve now; else empty.

        A guest can only if ``people`` names the identity, and so can one who sends
        messages for others.
        """
        if acting is not None and not self._names(people, acting):
            return ""
        person = people.person(identity)
        name = person.name if person else str(identity)
        known = people.named(name)
        held = known is not None and not known.roles.isdisjoint(self.roles)
        return name if held or self._names(people, identity) else ""

    def _names(self, people: People, identity: Identity) -> bool:
        person = people.person(identity)
        return str(identity) in self.people or (person is not None and person.name in self.people)


def dump(demands: Iterable[Demand]) -> str:
    """Return demands as JSON, which :func:`load` reads."""
    return json.dumps([asdict(demand) for demand in demands])


def load(stored: str) -> tuple[Demand, ...]:
    """Return the demands that :func:`dump` wrote."""
    items: Sequence[Mapping[str, Any]] = json.loads(stored) if stored else ()
    return tuple(
        Demand(it["name"], tuple(it["roles"]), tuple(it["people"]), it["count"]) for it in items
    )


@dataclass(frozen=True, slots=True)
class Escalation:
    """Where a request is posted if it is not decided ``after`` so many seconds."""

    name: str
    after: float
    ask: tuple[Place, ...]


class ApprovalRule:
    """One rule of ``approvals:``, compiled."""

    def __init__(self, settings: ApprovalSettings, places: Mapping[str, str]) -> None:
        self.name = settings.name
        self.within = settings.within.total_seconds()
        self.needs_reason = settings.reason == "required"
        self.ask = tuple(place(text, places) for text in settings.ask)
        self.demand = Demand(self.name, settings.from_.roles, settings.from_.people, settings.count)
        self.escalation: Escalation | None = None
        if (escalate := settings.escalate) is not None:
            further = tuple(place(text, places) for text in escalate.ask)
            self.escalation = Escalation(self.name, escalate.after.total_seconds(), further)
        requested = settings.for_.roles_requested
        self._roles_requested = Texts(requested, wild=False) if requested else None
        self._conditions = read(settings.for_, denies=True)

    def applies(self, request: Request, role: str = "") -> bool:
        """Whether it applies to a call, or to the request of a ``role``.

        What is not known yet counts as met.
        """
        if bool(role) != (self._roles_requested is not None):
            return False
        if self._roles_requested is not None and not self._roles_requested.match(role):
            return False
        return all(condition.test(request) is not False for condition in self._conditions)


@dataclass(frozen=True, slots=True)
class Emergency:
    """Who may run a change without the approval of others, and where that is posted."""

    roles: frozenset[str] = frozenset()
    tell: tuple[Place, ...] = ()


class ApprovalRules:
    """All rules of ``approvals:``, and who may do without them in an ``emergency``."""

    def __init__(
        self,
        rules: Iterable[ApprovalSettings],
        emergency: EmergencySettings | None,
        places: Mapping[str, str],
    ) -> None:
        self._rules = tuple(ApprovalRule(item, places) for item in rules)
        self.emergency = Emergency()
        if emergency is not None:
            tell = tuple(place(text, places) for text in emergency.tell)
            self.emergency = Emergency(frozenset(emergency.roles), tell)

    def of(self, request: Request, role: str = "") -> list[ApprovalRule]:
        """Return the rules that apply to a call, or to the request of a role."""
        return [rule for rule in self._rules if rule.applies(request, role)]

    def escalations(self, names: Iterable[str]) -> list[Escalation]:
        """Return the escalations of the rules with these names."""
        wanted = set(names)
        return [rule.escalation for rule in self._rules if rule.name in wanted and rule.escalation]


def place(text: str, places: Mapping[str, str]) -> Place:
    """Return the place with a name of ``places``, or of channel/tenant/team/room."""
    channel, *levels = places.get(text, text).split("/")
    tenant, team, room = ("", "", "")
    match levels:
        case [room]:
            pass
        case [tenant, room]:
            pass
        case [tenant, team, *rest]:
            room = "/".join(rest)
    return Place(channel, tenant, team, room)

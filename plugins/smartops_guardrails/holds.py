"""Freezes and locks that people set: durable, and the same in all replicas."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from smartops import PermissionDenied, Person, Services, ValidationFailed

from .times import shown

Kind = Literal["freeze", "lock"]

MAX_AGE = 1.0
"""For how many seconds lists, help and ``can-i`` may use what was read before."""

STATES: Mapping[Kind, str] = {"freeze": "frozen", "lock": "locked"}
_PREFIX = "hold/"
_LIFT: Mapping[Kind, str] = {"freeze": "Unfreeze", "lock": "Unlock"}


@dataclass(frozen=True, slots=True)
class Hold:
    """A freeze of a scope or a lock of an instance; ``subject`` is its name or id.

    ``since`` and ``until`` are in seconds since the epoch.
    """

    kind: Kind
    subject: str
    label: str
    person: str
    reason: str
    since: float
    until: float

    @property
    def key(self) -> str:
        """The key in the key-value store."""
        return f"{_PREFIX}{self.kind}/{self.subject}"

    @property
    def start(self) -> datetime:
        """When it begins."""
        return datetime.fromtimestamp(self.since, UTC)

    @property
    def end(self) -> datetime:
        """When it ends."""
        return datetime.fromtimestamp(self.until, UTC)

    @property
    def title(self) -> str:
        """The imperative that lifts it."""
        return f"{_LIFT[self.kind]} {self.label}"

    def state(self, zone: ZoneInfo) -> str:
        """Return what its subject is, as a plan shows it."""
        return f"{STATES[self.kind]} by {self.person} until {shown(self.end, zone)}"

    def dump(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self), sort_keys=True)


class Holds:
    """All freezes and locks that people set. The roles in ``may_lift`` may lift any."""

    def __init__(self, services: Services, may_lift: Sequence[str]) -> None:
        self._services = services
        self._may_lift = frozenset(may_lift)
        self._read: tuple[float, tuple[Hold, ...]] = (0.0, ())

    async def all(self, *, fresh: bool = True) -> tuple[Hold, ...]:
        """Return those that stand; raises a refusal if the store cannot be read."""
        now = self._services.clock.time()
        at, known = self._read
        if fresh or not 0 <= now - at <= MAX_AGE:
            known = await self._stored()
            self._read = (now, known)
        return tuple(item for item in known if item.until > now)

    async def find(self, kind: Kind, subject: str) -> Hold | None:
        """Return the freeze or lock that stands for a subject."""
        found = (item for item in await self.all() if (item.kind, item.subject) == (kind, subject))
        return next(found, None)

    async def standing(self, kind: Kind, subject: str, label: str) -> Hold:
        """Return the one that stands; raises ValidationFailed if there is none."""
        found = await self.find(kind, subject)
        if found is None:
            raise ValidationFailed(
                f"{label} is not {STATES[kind]} by a person", details=f"See: {kind}s"
            )
        return found

    async def replaceable(self, kind: Kind, subject: str, person: Person) -> Hold | None:
        """Return the one that stands, if any; raises PermissionDenied if it is another person's."""
        old = await self.find(kind, subject)
        if old is not None and not self.may_lift(old, person):
            raise PermissionDenied(
                f"{old.label} is {STATES[kind]} already by {old.person}", details=self.details(old)
            )
        return old

    def check(self, hold: Hold, person: Person) -> None:
        """Raise PermissionDenied if the person may not lift it."""
        if not self.may_lift(hold, person):
            raise PermissionDenied(
                f"You may not {_LIFT[hold.kind].lower()} {hold.label}",
                details=f"It is {STATES[hold.kind]} by {hold.person}. {self.details(hold)}",
            )

    def details(self, hold: Hold) -> str:
        """Return why it was set and who can lift it, and how."""
        name = f'"{hold.subject}"' if " " in hold.subject else hold.subject
        return (
            f"Reason: {hold.reason}. "
            f"{self.lifters(hold)} can lift it: {_LIFT[hold.kind].lower()} {name}"
        )

    async def set(self, new: Hold, old: Hold | None) -> None:
        """Store a new one in place of the ``old`` one that stands; raises if that has changed."""
        now = self._services.clock.time()
        stale = {item.key: item for item in await self._stored() if item.until <= now}
        before = old or stale.pop(new.key, None)
        await self._swap(new.key, before, new)
        for key, item in stale.items():
            await self._services.kv.swap(key, item.dump(), None)

    async def lift(self, hold: Hold) -> None:
        """Remove one; raises if it has changed."""
        await self._swap(hold.key, hold, None)

    def may_lift(self, hold: Hold, person: Person) -> bool:
        """Whether the person may lift it: it is theirs, or they have the right."""
        return hold.person == person.name or not self._may_lift.isdisjoint(person.roles)

    def lifters(self, hold: Hold) -> str:
        """Return who may lift it."""
        roles = [f"the role {role}" for role in sorted(self._may_lift)]
        return " or ".join((hold.person, *roles))

    async def _stored(self) -> tuple[Hold, ...]:
        found = await self._services.kv.items(_PREFIX)
        return tuple(Hold(**json.loads(value)) for value in found.values())

    async def _swap(self, key: str, old: Hold | None, new: Hold | None) -> None:
        before, after = old.dump() if old else None, new.dump() if new else None
        if not await self._services.kv.swap(key, before, after):
            raise ValidationFailed("It was changed in the meantime", details="Try again")
        self._read = (0.0, ())

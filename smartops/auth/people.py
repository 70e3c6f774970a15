"""From an identity to a person and their roles.

Roles are resolved at start, so that a query is one look-up in a dictionary. The
settings are those of a checked configuration and not checked again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from smartops.config.policy import GuestSettings, PersonSettings, RoleSettings
from smartops.message import Identity, Person, parse_identity


class People:
    """All known people, and the guests of each provider."""

    def __init__(
        self,
        people: Mapping[str, PersonSettings],
        guests: Sequence[GuestSettings],
        roles: Mapping[str, RoleSettings],
    ) -> None:
        self._roles = roles
        self._persons: dict[Identity, Person] = {}
        self._named: dict[str, Person] = {}
        for name, settings in people.items():
            held = _held(settings.roles, roles)
            identities = [parse_identity(text) for text in settings.identities]
            persons = [Person(name, held, identity) for identity in identities if identity]
            for person in persons:
                self._persons.setdefault(person.identity, person)
            without_identity = Person(name, held, Identity("", "", name))
            self._named[name] = next(iter(persons), without_identity)
        self._guests = {guest.provider: _held(guest.roles, roles) for guest in guests}

    def person(self, identity: Identity, proven: Sequence[str] = ()) -> Person | None:
        """Return the person with an identity, or None if it is unknown.

        A guest is a person whose name is the identity itself. ``proven`` are
        roles from the message's token; they are added to the person's.
        """
        known = self._persons.get(identity)
        if known is None:
            roles = self._guests.get(identity.provider)
            if roles is None and not proven:
                return None
            known = Person(str(identity), roles or frozenset(), identity)
        if not proven:
            return known
        return replace(known, roles=known.roles | _held(proven, self._roles))

    def holding(self, person: Person, roles: Iterable[str]) -> Person:
        """Return the person with further roles, and what these include."""
        return replace(person, roles=person.roles | _held(tuple(roles), self._roles))

    def has_role(self, name: str) -> bool:
        """Whether there is a role of that name."""
        return name in self._roles

    def named(self, name: str) -> Person | None:
        """Return the person of that name in ``people:``, or None.

        The identity is the first of the person's; an empty one if there is none.
        """
        return self._named.get(name)


def _held(names: Sequence[str], roles: Mapping[str, RoleSettings]) -> frozenset[str]:
    """Return the roles that these contain, themselves included; unknown ones give nothing."""
    held: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in roles and name not in held:
            held.add(name)
            waiting += roles[name].includes
    return frozenset(held)

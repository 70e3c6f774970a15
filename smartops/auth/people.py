"""Whose an identity is, and which roles they hold.

Everything is resolved at start, so that asking is one look-up in a dictionary.
Settings are taken as the configuration has them; :class:`Member`,
:class:`Guest` and :class:`Role` are the same in plain values.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from smartops.errors import Problem, StartupError
from smartops.message import Identity, Person


class MemberSettings(Protocol):
    """Somebody in ``people:``."""

    @property
    def roles(self) -> Sequence[str]:
        """Names of roles."""

    @property
    def identities(self) -> Sequence[str]:
        """Identities as ``provider:id`` or ``provider:tenant:id``."""


class GuestSettings(Protocol):
    """An entry of ``guests:``."""

    @property
    def provider(self) -> str:
        """Who vouches for the guests."""

    @property
    def roles(self) -> Sequence[str]:
        """Names of roles."""


class RoleSettings(Protocol):
    """A role in ``roles:``."""

    @property
    def includes(self) -> Sequence[str]:
        """Names of the roles it contains."""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody known."""

    roles: tuple[str, ...] = ()
    identities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Guest:
    """Roles for whoever ``provider`` vouches for and nobody has named."""

    provider: str
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Role:
    """What a role contains besides itself."""

    includes: tuple[str, ...] = ()


class People:
    """Everybody SmartOps knows.

    Raises StartupError with every problem: roles that do not exist or contain
    themselves, identities that cannot be read or belong to two people.
    """

    def __init__(
        self,
        people: Mapping[str, MemberSettings],
        guests: Sequence[GuestSettings],
        roles: Mapping[str, RoleSettings],
    ) -> None:
        problems: list[Problem] = []
        resolved = _Roles(roles, problems)
        self._persons: dict[Identity, Person] = {}
        self._named: dict[str, Person] = {}
        self._guests: dict[str, frozenset[str]] = {}
        for name, member in people.items():
            self._add(name, member, resolved, problems)
        for index, guest in enumerate(guests):
            path = f"guests.{index}"
            if guest.provider in self._guests:
                problems.append(Problem(f"{guest.provider} has guests already", path=path))
            self._guests[guest.provider] = resolved.held(guest.roles, f"{path}.roles", problems)
        if problems:
            raise StartupError(*problems)

    def person(self, identity: Identity) -> Person | None:
        """Return whose identity it is, or None for a stranger.

        A guest is a person whose name is the identity itself.
        """
        known = self._persons.get(identity)
        if known is not None:
            return known
        roles = self._guests.get(identity.provider)
        return None if roles is None else Person(str(identity), roles, identity)

    def named(self, name: str) -> Person | None:
        """Return the person of that name in ``people:``, or None.

        The identity is the first of the person's; an empty one if there is none.
        """
        return self._named.get(name)

    def _add(
        self, name: str, member: MemberSettings, roles: _Roles, problems: list[Problem]
    ) -> None:
        path = f"people.{name}"
        if ":" in name:
            # Guests have names with colons; nobody may be taken for one, or one for somebody.
            problems.append(Problem("a person's name may not hold a colon", path=path))
        held = roles.held(member.roles, f"{path}.roles", problems)
        for text in member.identities:
            identity = parse_identity(text)
            if identity is None:
                fault = f"{text!r} is neither provider:id nor provider:tenant:id"
                problems.append(Problem(fault, path=f"{path}.identities"))
                continue
            other = self._persons.setdefault(identity, Person(name, held, identity))
            if other.name != name:
                fault = f"{text} belongs to {other.name} already"
                problems.append(Problem(fault, path=f"{path}.identities"))
            self._named.setdefault(name, other)
        self._named.setdefault(name, Person(name, held, Identity("", "", name)))


def parse_identity(text: str) -> Identity | None:
    """Read ``provider:id`` or ``provider:tenant:id``; None if it is neither.

    The id may hold colons; if it does and has no tenant, write ``provider::id``.
    """
    provider, _, rest = text.partition(":")
    tenant, colon, object_id = rest.partition(":")
    if not colon:
        tenant, object_id = "", tenant
    return Identity(provider, tenant, object_id) if provider and object_id else None


class _Roles:
    """Each role with all that it contains."""

    def __init__(self, roles: Mapping[str, RoleSettings], problems: list[Problem]) -> None:
        self._all: dict[str, frozenset[str]] = {}
        self._includes: dict[str, tuple[str, ...]] = {}
        for name, role in roles.items():
            path = f"roles.{name}.includes"
            self._includes[name] = tuple(self._existing(role.includes, roles, path, problems))
        for name in roles:
            reached = self._reach(name)
            if name in self._reach(*self._includes[name]):
                problems.append(Problem(f"the role {name} contains itself", path=f"roles.{name}"))
            self._all[name] = reached

    def held(self, names: Sequence[str], path: str, problems: list[Problem]) -> frozenset[str]:
        """Return the roles that somebody with these has, the contained ones included."""
        known = self._existing(names, self._all, path, problems)
        return frozenset().union(*(self._all[name] for name in known))

    def _reach(self, *names: str) -> frozenset[str]:
        seen: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += self._includes[name]
        return frozenset(seen)

    @staticmethod
    def _existing(
        names: Sequence[str], known: Iterable[str], path: str, problems: list[Problem]
    ) -> list[str]:
        known = list(known)
        for name in names:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"did you mean {near[0]}?" if near else ""
                problems.append(Problem(f"there is no role {name}", path=path, hint=hint))
        return [name for name in names if name in known]

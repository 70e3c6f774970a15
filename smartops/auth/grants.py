"""Roles that persons hold for a time."""

from __future__ import annotations

from collections.abc import Iterable


class Grants:
    """The roles that were given for a time, by person; replaced as a whole."""

    def __init__(self) -> None:
        self._roles: dict[str, list[tuple[str, float]]] = {}

    def replace(self, grants: Iterable[tuple[str, str, float]]) -> None:
        """Set all grants: person, role, and until when."""
        roles: dict[str, list[tuple[str, float]]] = {}
        for person, role, until in grants:
            roles.setdefault(person, []).append((role, until))
        self._roles = roles

    def of(self, person: str, now: float) -> list[tuple[str, float]]:
        """Return the roles that a person holds now, and until when."""
        return [item for item in self._roles.get(person, ()) if item[1] > now]

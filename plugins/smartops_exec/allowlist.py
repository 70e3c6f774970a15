"""The allow-list: which scripts a person may run on which instances."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from smartops import Instance, PermissionDenied, Person, ValidationFailed

from .config import ScriptEntry

_NEAR = 3
_SHOWN = 80


class AllowList:
    """The scripts that may be run; all others are refused."""

    def __init__(self, entries: Sequence[ScriptEntry]) -> None:
        self._entries = entries

    def of(self, person: Person) -> tuple[ScriptEntry, ...]:
        """Return the entries whose roles the person has."""
        return tuple(entry for entry in self._entries if _has_role(person, entry))

    def choose(self, script: str, person: Person, targets: Sequence[Instance]) -> ScriptEntry:
        """Return the first entry that allows the person to run the script on the targets.

        The script is matched verbatim, because the policy decides on that text. Raises
        PermissionDenied if no entry allows the person to run it, and ValidationFailed
        if one does, but not on the platforms of all targets.
        """
        matching = [entry for entry in self._entries if entry.compiled.match(script)]
        entries = [entry for entry in matching if _has_role(person, entry)]
        if not entries:
            raise self._denied(script, person, matching)
        for entry in entries:
            if not _misfits(entry, targets):
                return entry
        raise _wrong_platform(script, entries[0], targets)

    def _denied(
        self, text: str, person: Person, matching: Sequence[ScriptEntry]
    ) -> PermissionDenied:
        if matching:
            roles = " or ".join(sorted({role for entry in matching for role in entry.roles}))
            why = f"It is for the role {roles}"
        else:
            why = self._objection(text, person) or "It is not on the list"
        near = self._near(text, person)
        hint = f". Did you mean {' or '.join(near)}?" if near else ". See: list scripts"
        return PermissionDenied(
            f"This script is not allowed: {excerpt(text)}", details=f"{why}{hint}"
        )

    def _objection(self, text: str, person: Person) -> str:
        for entry in self.of(person):
            wrong = entry.compiled.objection(text)
            if wrong:
                return f"On the list is {excerpt(entry.text)}, but {wrong}"
        return ""

    def _near(self, text: str, person: Person) -> list[str]:
        known = [entry.text for entry in self.of(person)]
        return [excerpt(item) for item in difflib.get_close_matches(text[:500], known, _NEAR, 0.5)]


def excerpt(text: str) -> str:
    """Return a script in quotes, escaped to one line and shortened."""
    line = text.encode("unicode_escape").decode() if not text.isprintable() else text
    return f'"{line}"' if len(line) <= _SHOWN else f'"{line[:_SHOWN]}…"'


def _has_role(person: Person, entry: ScriptEntry) -> bool:
    return not entry.roles or not person.roles.isdisjoint(entry.roles)


def _misfits(entry: ScriptEntry, targets: Sequence[Instance]) -> list[Instance]:
    if not entry.platforms:
        return []
    return [target for target in targets if target.platform not in entry.platforms]


def _wrong_platform(text: str, entry: ScriptEntry, targets: Sequence[Instance]) -> ValidationFailed:
    misfits = _misfits(entry, targets)
    listed = ", ".join(f"{item.label} is {item.platform}" for item in misfits[:5])
    more = f" and {len(misfits) - 5} more" if len(misfits) > 5 else ""
    return ValidationFailed(
        f"{excerpt(text)} is for {' or '.join(entry.platforms)} only",
        details=f"{listed}{more}; name the others alone",
    )

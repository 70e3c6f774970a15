"""Plans: the effects of a changing command before it runs.

Planning changes nothing, and running does only what was planned. An approval is
bound to the digest of the plan, so another state of the targets needs a new plan.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """One target with its state before and after, as shown to people."""

    target: str
    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of one call.

    ``summary`` is an imperative sentence ("Stop web-server-01"), ``command`` the
    script that will run, verbatim. ``warnings`` are shown before the buttons.
    """

    summary: str
    changes: tuple[Change, ...] = ()
    command: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def idle(self) -> bool:
        """Whether the plan certainly changes nothing."""
        same = all(change.before == change.after for change in self.changes)
        return bool(self.changes) and same and not self.command

    def digest(self, *context: str) -> str:
        """Return the hex SHA-256 of the plan and of the other facts an approval is bound to."""
        text = json.dumps([asdict(self), context], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

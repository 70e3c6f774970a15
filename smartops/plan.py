"""What a changing command would do, before it does it.

Planning changes nothing; applying does only what was planned. An approval is
bound to the digest of the plan, so a changed world means a new plan.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """One target with its state before and after, in the words people use."""

    target: str
    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What would happen.

    ``summary`` is one sentence in the future ("Stop web-server-01"), ``command``
    what will run, to the character, when that is a script. ``warnings`` are
    shown before the buttons.
    """

    summary: str
    changes: tuple[Change, ...] = ()
    command: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def idle(self) -> bool:
        """Whether it is known that nothing would change."""
        same = all(change.before == change.after for change in self.changes)
        return bool(self.changes) and same and not self.command

    def digest(self, *context: str) -> str:
        """Return the hex SHA-256 of the plan and of what else the approval is bound to."""
        text = json.dumps([asdict(self), context], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

"""What goes out: a typed result and a neutral view of it.

``data`` is for programs and follows the wire contract. ``view`` is for people:
a short tuple of blocks that every channel renders in its own way. Handlers
never see a platform's JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from .errors import Refusal


class Severity(StrEnum):
    """How a state should strike the reader."""

    GOOD = "good"
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph. ``style`` is how loud it is; the text itself is plain, never markup."""

    text: str
    style: Literal["normal", "title", "note"] = "normal"
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Fields:
    """Name and value pairs about one thing."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell that should strike the reader, such as a state."""

    text: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of like things. Each row has as many cells as there are columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Code:
    """Text to be shown to the character, in monospace. ``title`` says what it is."""

    text: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding: what, where, how bad, and what to do about it."""

    severity: Severity
    target: str
    title: str
    details: str
    recommendation: str = ""


@dataclass(frozen=True, slots=True)
class Issues:
    """Findings, worst first."""

    items: tuple[Issue, ...]


@dataclass(frozen=True, slots=True)
class Action:
    """Something the reader can do next.

    ``value`` is what comes back when it is pressed: an opaque token, or, for
    ``command``, the text of a command (next page, details).
    """

    type: Literal["confirm", "cancel", "command"]
    label: str
    value: str


Block = Text | Fields | Table | Code | Issues
View = tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Quota:
    """Where the sender stands with the rate limit that is nearest to refusing.

    ``reset`` is in seconds since the epoch, ``retry_after`` in whole seconds
    and 0 unless refused.
    """

    limit: int
    remaining: int
    reset: int
    retry_after: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one message.

    A handler builds it with :meth:`Reply.of`; the gate adds ``quota`` and
    ``request_id``. ``private`` asks the channel to show it to the sender alone
    where it can.
    """

    status: Literal["success", "pending", "error"] = "success"
    data: Mapping[str, Any] = field(default_factory=dict)
    view: View = ()
    actions: tuple[Action, ...] = ()
    error: Refusal | None = None
    private: bool = False
    quota: Quota | None = None
    request_id: str = ""

    @classmethod
    def of(
        cls,
        *view: Block | str,
        data: Mapping[str, Any] | None = None,
        actions: Sequence[Action] = (),
        private: bool = False,
    ) -> Reply:
        """Return a successful reply; a plain string is a paragraph."""
        blocks = tuple(Text(block) if isinstance(block, str) else block for block in view)
        return cls(data=data or {}, view=blocks, actions=tuple(actions), private=private)

    @classmethod
    def refused(cls, error: Refusal) -> Reply:
        """Return the reply that tells the sender of ``error``."""
        lines: list[Block] = [Text(error.message, severity=Severity.WARNING)]
        if error.details:
            lines.append(Text(error.details, style="note"))
        return cls(status="error", view=tuple(lines), error=error, private=True)

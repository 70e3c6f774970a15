"""The id of a run: the ids of its commands, and what could not be sent.

One SendCommand takes 50 instances of one platform, so a run may be several
commands. The id is all that is needed to ask for the results again, also after
a restart; with a single command it is just that command's id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote
from uuid import UUID

from smartops import ValidationFailed

_MOST_WORDS = 200


@dataclass(frozen=True, slots=True)
class Unsent:
    """Instances that a run was for and that it was not sent to, and why."""

    why: str
    ids: tuple[str, ...]


Part = str | Unsent


def join(parts: Sequence[Part]) -> str:
    """Return the parts as one id: ``COMMAND|COMMAND|!WHY;INSTANCE;INSTANCE``."""
    return "|".join(_written(part) for part in parts)


def split(run_id: str) -> tuple[Part, ...]:
    """Return the parts of an id; raises ValidationFailed if it is none."""
    try:
        return tuple(map(_part, run_id.split("|")))
    except ValueError:
        raise ValidationFailed(
            f"There is no run {run_id[:_MOST_WORDS]!r}", details="InvalidCommandId"
        ) from None


def _written(part: Part) -> str:
    if isinstance(part, str):
        return part
    words = (part.why[:_MOST_WORDS], *part.ids)
    return "!" + ";".join(quote(word, safe="") for word in words)


def _part(text: str) -> Part:
    if text.startswith("!"):
        why, *ids = map(unquote, text[1:].split(";"))
        return Unsent(why, tuple(ids))
    if str(UUID(text)) != text.lower():
        raise ValueError("no id of a command")
    return text

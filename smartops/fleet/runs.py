"""The id of a run on several backends: the run ids of each, and the refusals.

It is sufficient to fetch the results again, also after a restart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

from smartops.errors import ValidationFailed

_SAFE = "/-._~"
_MOST_WORDS = 200


@dataclass(frozen=True, slots=True)
class Part:
    """The run in one backend.

    Without a ``run`` it was refused, for the reason ``why``; ``ids`` are the
    instances it was meant for.
    """

    backend: str
    run: str = ""
    why: str = ""
    ids: tuple[str, ...] = ()


def join(parts: Sequence[Part]) -> str:
    """Return the parts as one id: ``BACKEND:RUN,BACKEND:RUN``."""
    return ",".join(map(_written, parts))


def split(run_id: str) -> tuple[Part, ...]:
    """Return the parts of an id; raises ValidationFailed if it is none."""
    try:
        return tuple(map(_part, run_id.split(",")))
    except ValueError:
        raise ValidationFailed(f"There is no run {run_id[:_MOST_WORDS]!r}") from None


def _written(part: Part) -> str:
    if part.run:
        return f"{_quoted(part.backend)}:{_quoted(part.run)}"
    words = (part.backend, part.why[:_MOST_WORDS], *part.ids)
    return "!" + ":".join(map(_quoted, words))


def _part(text: str) -> Part:
    words = [unquote(word) for word in text.removeprefix("!").split(":")]
    if text.startswith("!"):
        backend, why, *ids = words
        return Part(backend, why=why, ids=tuple(ids))
    backend, run = words
    if not run:
        raise ValueError("no run")
    return Part(backend, run)


def _quoted(text: str) -> str:
    return quote(text, safe=_SAFE)

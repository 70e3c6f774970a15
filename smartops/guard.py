"""The contract of guards: plugin code that lets calls pass, or not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from .command import Call, Effect
from .plan import Plan


@dataclass(frozen=True, slots=True)
class NeedsApproval:
    """The verdict of a guard that lets a call pass once other people approve it.

    ``count`` of them must hold one of the ``roles``; ``reason`` is why they are asked.
    """

    roles: tuple[str, ...]
    reason: str
    count: int = 1


Guard = Callable[[Call, Effect, Plan | None], Awaitable[NeedsApproval | None]]
"""A plugin's check of a call: it refuses by raising a Refusal."""

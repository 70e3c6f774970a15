"""Rate limit windows, and the verdict of taking from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from smartops.reply import Quota

GROUPS = 32
"""The number of groups of a window whose limit is larger than that."""


@dataclass(frozen=True, slots=True)
class Window:
    """At most ``limit`` requests in any ``seconds``. ``name`` is what people call it."""

    name: str
    limit: int
    seconds: float
    step: float = field(init=False, repr=False, compare=False)
    """Requests less than this many seconds apart expire together."""

    def __post_init__(self) -> None:
        if self.limit < 1 or self.seconds <= 0:
            raise ValueError(f"the limit {self.name} must allow at least 1 request in some time")
        object.__setattr__(self, "step", self.seconds / GROUPS if self.limit > GROUPS else 0.0)


class Verdict(NamedTuple):
    """Whether all windows had room, and the sender's quota.

    ``quota`` and ``window`` are about the window that refused (the one that
    refuses longest, if several did), else the one nearest to refusing.
    ``quota.reset`` is when the oldest request that counts stops counting.
    """

    allowed: bool
    quota: Quota
    window: Window


Checks = Sequence[tuple[Window, str]]
"""Windows, each with the key it is counted under, such as a person; no pair twice."""


class Limiter(Protocol):
    """Counts requests. While a shared count is unreachable, ``degraded`` is true."""

    degraded: bool

    async def take(self, checks: Checks) -> Verdict:
        """Take one request from every window, or, if one has no room, from none."""
        ...

    async def ping(self) -> None:
        """Return if the count can be reached, else raise BackendUnavailable."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...

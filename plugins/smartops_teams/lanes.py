"""One lane per conversation: calls go one after the other, no faster than Teams allows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio

from smartops import Clock
from smartops.channels import Pace, Paces

PER_CONVERSATION: Sequence[tuple[int, float]] = ((7, 1.0), (8, 2.0), (60, 30.0), (1800, 3600.0))
"""How many calls Teams takes of a bot in one conversation, and in how many seconds."""

ALTOGETHER: Sequence[tuple[int, float]] = ((30, 1.0),)
"""And in all conversations of a tenant together; older copies of its documentation say 30."""


class Lane(Pace):
    """What a conversation's caller holds while it calls."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, PER_CONVERSATION)
        self.lock = anyio.Lock(fast_acquire=True)
        self.waiting = 0

    @property
    def idle(self) -> bool:
        """Whether the lane can be removed."""
        return not self.waiting and super().idle


class Lanes:
    """The lanes of all conversations."""

    def __init__(self, clock: Clock) -> None:
        self._lanes = Paces(lambda: Lane(clock))
        self._altogether = Pace(clock, ALTOGETHER)

    @asynccontextmanager
    async def enter(self, conversation: str) -> AsyncIterator[Lane]:
        """Return a context in which no other caller calls this conversation."""
        lane = self._lanes[conversation]
        lane.waiting += 1
        try:
            async with lane.lock:
                yield lane
        finally:
            lane.waiting -= 1

    @asynccontextmanager
    async def call(self, lane: Lane) -> AsyncIterator[None]:
        """Return a context for one call: it begins when the call may be made."""
        await lane.turn()
        await self._altogether.turn()
        try:
            yield
        finally:
            lane.ended()

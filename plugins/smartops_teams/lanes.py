"""One lane per conversation: calls go one after the other, no faster than Teams allows."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio

from smartops import Clock

PER_CONVERSATION: Sequence[tuple[int, float]] = ((7, 1.0), (8, 2.0), (60, 30.0), (1800, 3600.0))
"""How many calls Teams takes of a bot in one conversation, and in how many seconds."""

ALTOGETHER: Sequence[tuple[int, float]] = ((30, 1.0),)
"""And in all conversations of a tenant together; older copies of its documentation say 30."""

_MANY = 1000
_FEW, _QUIET_SECONDS = 900, 30.0


class Pace:
    """Sliding windows over the moments at which calls ended.

    The platform counts arrivals, which lie before the ends that we know; so what
    we let through has never arrived too soon.
    """

    def __init__(self, clock: Clock, windows: Sequence[tuple[int, float]]) -> None:
        self._clock = clock
        self._windows = windows
        self._ends: deque[float] = deque(maxlen=max(limit for limit, _ in windows))

    async def wait(self) -> None:
        """Wait until one more call may be made."""
        while (pause := self._pause()) > 0:
            await self._clock.sleep(pause)

    def mark(self) -> None:
        """Note that a call has ended, or begins."""
        self._ends.append(self._clock.time())

    @property
    def idle(self) -> bool:
        """Whether forgetting what is known here would let no call through too soon."""
        if not self._ends:
            return True
        return len(self._ends) < _FEW and self._clock.time() - self._ends[-1] > _QUIET_SECONDS

    def _pause(self) -> float:
        now, known = self._clock.time(), len(self._ends)
        return max(
            (self._ends[-limit] + span - now for limit, span in self._windows if known >= limit),
            default=0.0,
        )


class Lane:
    """What a conversation's caller holds while it calls."""

    def __init__(self, clock: Clock) -> None:
        self.pace = Pace(clock, PER_CONVERSATION)
        self.turn = anyio.Lock(fast_acquire=True)
        self.waiting = 0


class Lanes:
    """The lanes of all conversations; those that are idle are forgotten."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lanes: dict[str, Lane] = {}
        self._altogether = Pace(clock, ALTOGETHER)

    @asynccontextmanager
    async def enter(self, conversation: str) -> AsyncIterator[Lane]:
        """Return a context in which nobody else calls this conversation."""
        lane = self._lanes.get(conversation)
        if lane is None:
            if len(self._lanes) >= _MANY:
                self._forget()
            lane = self._lanes[conversation] = Lane(self._clock)
        lane.waiting += 1
        try:
            async with lane.turn:
                yield lane
        finally:
            lane.waiting -= 1

    @asynccontextmanager
    async def call(self, lane: Lane) -> AsyncIterator[None]:
        """Return a context for one call: it begins when the call may be made."""
        await lane.pace.wait()
        await self._altogether.wait()
        self._altogether.mark()  # many are under way at once, so each counts from its beginning
        try:
            yield
        finally:
            lane.pace.mark()

    def _forget(self) -> None:
        for conversation, lane in list(self._lanes.items()):
            if not lane.waiting and lane.pace.idle:
                del self._lanes[conversation]

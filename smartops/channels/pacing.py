"""Pacing of calls, so that a platform never has to refuse one for its rate limits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from smartops.services import Clock

Window = tuple[int, float]
"""How many calls in how many seconds."""


class Pace:
    """Delays calls, in order, so that no sliding window has more calls than its limit."""

    def __init__(self, clock: Clock, windows: Sequence[Window]) -> None:
        self._clock = clock
        self._windows = windows
        self._moments: deque[float] = deque(maxlen=max(limit for limit, _ in windows))
        self._paused_until = 0.0

    async def turn(self) -> None:
        """Wait until the next call may begin."""
        now = self._clock.time()
        moment = max(
            now,
            self._paused_until,
            *(
                self._moments[-limit] + seconds
                for limit, seconds in self._windows
                if len(self._moments) >= limit
            ),
        )
        self._moments.append(moment)
        if moment > now:
            await self._clock.sleep(moment - now)

    def ended(self) -> None:
        """Count the latest call from now; only for calls that do not overlap.

        The platform counts when a call arrives, which is before its end.
        """
        self._moments[-1] = max(self._moments[-1], self._clock.time())

    def pause(self, seconds: float) -> None:
        """Begin no call for some seconds, because the platform asked for that."""
        self._paused_until = max(self._paused_until, self._clock.time() + seconds)

    @property
    def idle(self) -> bool:
        """Whether it can be removed: it is not paused, and no window is more than half full."""
        now = self._clock.time()
        return self._paused_until <= now and all(
            sum(moment > now - seconds for moment in self._moments) <= limit // 2
            for limit, seconds in self._windows
        )


P = TypeVar("P", bound=Pace)


class Paces(Generic[P]):
    """One pace for each key, such as a conversation. Idle ones are removed."""

    def __init__(self, make: Callable[[], P], most: int = 1000) -> None:
        self._make = make
        self._most = most
        self._paces: dict[Hashable, P] = {}

    def __getitem__(self, key: Hashable) -> P:
        pace = self._paces.get(key)
        if pace is None:
            if len(self._paces) >= self._most:
                self._paces = {name: one for name, one in self._paces.items() if not one.idle}
            pace = self._paces[key] = self._make()
        return pace

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self._paces)


def retry_after(headers: Mapping[str, str]) -> int | None:
    """Return the seconds of the header ``Retry-After``; None if it is missing or a date."""
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None

"""Rate limits of one process, in bounded memory."""

from __future__ import annotations

from math import ceil

from smartops.reply import Quota
from smartops.services import Clock

from .window import Checks, Verdict, Window

_Key = tuple[str, str]


class _Counter:
    """The requests of one key that still count, in groups that expire together."""

    __slots__ = ("counts", "ends", "leaves", "started", "total")

    def __init__(self) -> None:
        self.total = 0
        self.started = self.ends = 0.0  # between these the newest group still grows
        self.leaves: list[float] = []  # when each group stops counting, oldest first
        self.counts: list[int] = []

    def forget(self, now: float, window: Window) -> None:
        """Drop the groups that have expired.

        If the clock was put back, the newest group is taken as of now, else it would count
        for longer than the window.
        """
        ahead = self.leaves[-1] - (now + window.seconds)
        if ahead > 0:
            self.leaves = [leave - ahead for leave in self.leaves]
            self.started, self.ends = self.started - ahead, self.ends - ahead
        gone = 0
        for leave in self.leaves:
            if leave > now:
                break
            self.total -= self.counts[gone]
            gone += 1
        del self.leaves[:gone], self.counts[:gone]

    def add(self, now: float, window: Window) -> None:
        """Count a request."""
        self.total += 1
        if self.started <= now < self.ends:
            self.counts[-1] += 1
            self.leaves[-1] = now + window.seconds
        else:
            self.started, self.ends = now, now + window.step
            self.leaves.append(now + window.seconds)
            self.counts.append(1)


class MemoryLimiter:
    """Counts within this process.

    Holds at most ``max_keys`` keys, about 1 kB each when busy. Beyond that the
    least recently used are dropped first, so that resetting a count needs requests
    of half as many other authenticated senders in between.
    """

    degraded = False

    def __init__(self, clock: Clock, max_keys: int = 20_000) -> None:
        self._clock = clock
        self._half = max(1, max_keys // 2)
        self._recent: dict[_Key, _Counter] = {}
        self._older: dict[_Key, _Counter] = {}

    def __len__(self) -> int:
        return len(self._recent) + len(self._older)

    async def take(self, checks: Checks) -> Verdict:
        """Take one request from every window, or, if one has no room, from none."""
        now = self._clock.time()
        counters: list[tuple[_Counter, Window]] = []
        least, wait = -1, 0.0
        for window, key in checks:
            name = (window.name, key)
            counter = self._recent.get(name) or self._recall(name)
            leaves = counter.leaves
            if leaves and (leaves[0] <= now or leaves[-1] > now + window.seconds):
                counter.forget(now, window)
                leaves = counter.leaves
            left = window.limit - counter.total
            if left < 1:
                if leaves[0] - now > wait:
                    wait, refusing = leaves[0] - now, window
            elif least < 0 or left < least:
                least, tight, nearest = left, counter, window
            counters.append((counter, window))
        if wait:
            return _refused(refusing, now, wait)
        for counter, window in counters:
            counter.add(now, window)
        return Verdict(True, Quota(nearest.limit, least - 1, ceil(tight.leaves[0])), nearest)

    async def ping(self) -> None:
        """Return: memory is always reachable."""

    async def aclose(self) -> None:
        """Return: there are no connections."""

    def _recall(self, name: _Key) -> _Counter:
        """Return the counter of a key not used recently, or a new one."""
        counter = self._older.pop(name, None) or _Counter()
        if len(self._recent) >= self._half:
            self._older, self._recent = self._recent, {}
        self._recent[name] = counter
        return counter


def _refused(window: Window, now: float, wait: float) -> Verdict:
    quota = Quota(window.limit, 0, ceil(now + wait), retry_after=max(1, ceil(wait)))
    return Verdict(False, quota, window)

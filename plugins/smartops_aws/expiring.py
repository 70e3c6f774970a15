"""Values of tens of thousands of instances, each for some time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")


class Expiring(Generic[K, T]):
    """Values that expire.

    The caches of cachetools have a further object for each value. The garbage
    collector would scan them all, and the event loop stands still meanwhile.
    """

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._values: dict[K, T] = {}
        self._until: dict[K, float] = {}
        self._next_sweep = 0.0

    def live(self, keys: Iterable[K]) -> dict[K, T]:
        """Return the values of those keys that have one."""
        now = self._time()
        return {key: self._values[key] for key in keys if self._until.get(key, now) > now}

    def put(self, values: Mapping[K, T], seconds: float) -> None:
        """Store values for some time; those that have expired are deleted now and then."""
        now = self._time()
        if now >= self._next_sweep:
            self._next_sweep = now + seconds
            for key in [key for key, until in self._until.items() if until <= now]:
                del self._until[key], self._values[key]
        self._values.update(values)
        self._until.update(dict.fromkeys(values, now + seconds))

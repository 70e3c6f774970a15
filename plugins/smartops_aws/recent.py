"""What was found out a moment ago."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from smartops import Clock

T = TypeVar("T")


class Recent(Generic[T]):
    """Values that are good for some seconds; the oldest are forgotten beyond ``most``."""

    def __init__(self, clock: Clock, seconds: float, most: int) -> None:
        self._clock = clock
        self._seconds = seconds
        self._most = most
        self._kept: OrderedDict[Hashable, tuple[float, T]] = OrderedDict()

    def get(self, key: Hashable, seconds: float | None = None) -> tuple[T] | None:
        """Return the value in a tuple of its own, or None if there is none that is good.

        ``seconds`` may say that this one is good for less long than others.
        """
        found = self._kept.get(key)
        if found is None:
            return None
        at, value = found
        good = self._seconds if seconds is None else seconds
        return (value,) if 0 <= self._clock.time() - at < good else None

    def put(self, key: Hashable, value: T) -> None:
        """Keep a value from now on."""
        self._kept[key] = (self._clock.time(), value)
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

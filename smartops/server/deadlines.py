"""Many deadlines of one length, for the price of one timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class Deadlines(Generic[Item]):
    """Calls ``late`` with each item that was begun ``seconds`` ago and has not ended.

    A timer for every request costs as much as reading it, and nearly all are
    cancelled. Where all deadlines are equally long, the oldest item is the first
    to be late, so that one timer can watch over all.
    """

    def __init__(self, seconds: float, late: Callable[[Item], object]) -> None:
        self._seconds = seconds
        self._late = late
        self._ends: dict[Item, float] = {}
        self._watching = False

    def begin(self, item: Item) -> None:
        """Start the item's time."""
        loop = asyncio.get_running_loop()
        self._ends[item] = end = loop.time() + self._seconds
        if not self._watching:
            self._watching = True
            loop.call_at(end, self._look)

    def end(self, item: Item) -> None:
        """Stop the item's time; it may have run out."""
        self._ends.pop(item, None)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._ends:
            item, end = next(iter(self._ends.items()))
            if end > now:
                loop.call_at(end, self._look)
                return
            del self._ends[item]
            self._late(item)
        self._watching = False

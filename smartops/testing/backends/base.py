"""The base of the backend contracts: time and polling."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import ClassVar, TypeVar

import anyio
import pytest

from smartops.testing.clock import ManualClock

T = TypeVar("T")
Advance = Callable[[float], Awaitable[None]]
Now = Callable[[], datetime]


@pytest.mark.anyio
class Contract:
    """A set of tests that a backend's own test class inherits."""

    step: ClassVar[float] = 1.0
    timeout: ClassVar[float] = 300.0

    @pytest.fixture
    def advance(self) -> Advance:
        """Return the function that waits some seconds; by default, in real time."""
        return anyio.sleep

    @pytest.fixture
    def now(self) -> Now:
        """Return the function that returns the backend's current time, with a zone."""
        return lambda: datetime.now(UTC)

    async def until(
        self, advance: Advance, read: Callable[[], Awaitable[T]], good: Callable[[T], bool]
    ) -> T:
        """Poll until the value is good, and return it."""
        waited = 0.0
        while True:
            value = await read()
            if good(value):
                return value
            assert waited < self.timeout, f"still {value!r} after {waited:g} s"
            await advance(self.step)
            waited += self.step


class OnManualClock:
    """Mix into a contract to wait by advancing the fixture ``clock``, a ManualClock."""

    @pytest.fixture
    def advance(self, clock: ManualClock) -> Advance:
        """Return the function that advances the clock."""

        async def advance(seconds: float) -> None:
            clock.advance(seconds)

        return advance

    @pytest.fixture
    def now(self, clock: ManualClock) -> Now:
        """Return the function that returns the clock's time."""
        return clock.now

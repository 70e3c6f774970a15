"""What the contracts of backends share: time, and patience."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import ClassVar, TypeVar

import anyio
import pytest

T = TypeVar("T")
Advance = Callable[[float], Awaitable[None]]
Now = Callable[[], datetime]


@pytest.mark.anyio
class Contract:
    """A set of tests that a backend's own test class inherits."""

    step: ClassVar[float] = 1.0
    patience: ClassVar[float] = 300.0

    @pytest.fixture
    def advance(self) -> Advance:
        """Return what lets seconds pass: really, unless overridden."""
        return anyio.sleep

    @pytest.fixture
    def now(self) -> Now:
        """Return what tells the backend's present moment, with a zone."""
        return lambda: datetime.now(UTC)

    async def until(
        self, advance: Advance, read: Callable[[], Awaitable[T]], good: Callable[[T], bool]
    ) -> T:
        """Read until the value is good, and return it."""
        waited = 0.0
        while True:
            value = await read()
            if good(value):
                return value
            assert waited < self.patience, f"still {value!r} after {waited:g} s"
            await advance(self.step)
            waited += self.step

"""The look-alike AWS beside a test: real HTTP from a thread of its own, and a world to upset."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal

from smartops import Clock
from smartops.testing import ManualClock
from smartops_aws.simulator import AwsSimulator, Call, World


class Cloud:
    """A look-alike that serves in another thread. What it is told happens there."""

    def __init__(self, portal: BlockingPortal, simulator: AwsSimulator, clock: Clock) -> None:
        self._portal = portal
        self._clock = clock
        self.simulator = simulator
        self.url = simulator.url

    def fault(self, action: str, kind: str, **more: Any) -> None:
        self._portal.call(lambda: self.simulator.fault(action, kind, **more))

    def deny(self, action: str, **more: Any) -> None:
        self._portal.call(lambda: self.simulator.deny(action, **more))

    def expire(self, key: str = "*") -> None:
        self._portal.call(self.simulator.expire, key)

    def down(self, account: str, region: str, how: str) -> None:
        """Let a region fail: ``refused``, ``error`` or ``hanging``."""
        self.world(account, region).down = how  # type: ignore[assignment]

    def world(self, account: str, region: str) -> World:
        return self._portal.call(self.simulator.world, account, region)

    def heal(self) -> None:
        """Let everything be well and allowed."""
        self._portal.call(self.simulator.heal)
        self._portal.call(self.simulator.allow_all)

    def calls(self, operation: str, **fields: Any) -> list[Call]:
        """Return the calls of an operation, those with these fields."""
        found = self._portal.call(self.simulator.calls.of, operation)
        return [
            call
            for call in found
            if all(getattr(call, name) == value for name, value in fields.items())
        ]

    def forget(self) -> None:
        """Forget the calls there have been."""
        self._portal.call(self.simulator.calls.clear)

    def advance(self, seconds: float) -> None:
        """Move the clock on, where it is moved by hand."""
        assert isinstance(self._clock, ManualClock)
        self._portal.call(self._clock.advance, seconds)


@contextmanager
def look_alike(scenario: Mapping[str, Any], clock: Clock | None = None) -> Iterator[Cloud]:
    """Run the look-alike; its own time is ``clock``, or the real one."""
    clock = clock or Clock()
    with start_blocking_portal() as portal:
        starting = AwsSimulator.start(scenario, clock=clock)
        with portal.wrap_async_context_manager(starting) as simulator:
            yield Cloud(portal, simulator, clock)


def until(wanted: Callable[[], object], seconds: float = 30) -> None:
    """Wait for another process to get somewhere."""
    end = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)

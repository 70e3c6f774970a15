"""Rate limits of AWS, applied before a call: waiting is cheaper than being throttled."""

from __future__ import annotations

import math

from smartops import Clock, RateLimited

from .action import Action, Allowance


class Limiter:
    """Token buckets with reservation, of one region of one account: calls and resources by action.

    A bucket may be overdrawn by those who wait.
    """

    def __init__(self, clock: Clock, longest: float) -> None:
        self._clock = clock
        self._longest = longest
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}  # level, and when it was

    async def turn(self, action: Action, resources: int = 0) -> None:
        """Wait for the turn of a call; raises RateLimited if that would take too long."""
        now = self._clock.time()
        seconds, taken = 0.0, {}
        wanted = (("calls", action.allowance, 1), ("resources", action.resources, resources))
        for what, allowance, tokens in wanted:
            if allowance is not None and tokens:
                left = self._filled((action.right, what), allowance, now) - tokens
                taken[action.right, what] = (left, now)
                seconds = max(seconds, -left / allowance.rate)
        if seconds > self._longest:
            raise RateLimited(
                f"Too many requests to {action.wanted}",
                details=f"SmartOps keeps within the limits of AWS for {action.right}",
                retry_after=math.ceil(seconds),
            )
        self._buckets.update(taken)
        if seconds > 0:
            await self._clock.sleep(seconds)

    def _filled(self, key: tuple[str, str], allowance: Allowance, now: float) -> float:
        level, at = self._buckets.get(key, (allowance.burst, now))
        level = min(allowance.burst, level + max(0.0, now - at) * allowance.rate)
        self._buckets[key] = (level, now)
        return level

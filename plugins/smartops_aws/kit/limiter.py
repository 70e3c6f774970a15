"""Rate limits of AWS, kept here: to wait is cheaper than to be throttled."""

from __future__ import annotations

import math

from smartops import Clock, RateLimited

from .action import Action, Allowance


class Bucket:
    """A token bucket with reservation: it may be overdrawn by those who wait."""

    def __init__(self, allowance: Allowance, now: float) -> None:
        self._allowance = allowance
        self._level = allowance.burst
        self._at = now

    def wait(self, tokens: float, now: float) -> float:
        """Return the seconds after which so many tokens will be there."""
        self._fill(now)
        return max(0.0, (tokens - self._level) / self._allowance.rate)

    def take(self, tokens: float, now: float) -> None:
        """Take the tokens, whether or not they are there yet."""
        self._fill(now)
        self._level -= tokens

    def _fill(self, now: float) -> None:
        grown = max(0.0, now - self._at) * self._allowance.rate
        self._level = min(self._allowance.burst, self._level + grown)
        self._at = now


class Limiter:
    """The buckets of one region of one account, one for each action."""

    def __init__(self, clock: Clock, longest: float) -> None:
        self._clock = clock
        self._longest = longest
        self._buckets: dict[tuple[str, str], Bucket] = {}

    async def turn(self, action: Action, resources: int = 0) -> None:
        """Wait for the turn of a call; raises RateLimited if that would take too long."""
        now = self._clock.time()
        wanted = (("calls", action.allowance, 1), ("resources", action.resources, resources))
        taken = [
            (self._bucket(action, what, allowance, now), tokens)
            for what, allowance, tokens in wanted
            if allowance is not None and tokens
        ]
        seconds = max((bucket.wait(tokens, now) for bucket, tokens in taken), default=0.0)
        if seconds > self._longest:
            raise RateLimited(
                f"Too many requests to {action.wanted}",
                details=f"SmartOps keeps within the limits of AWS for {action.right}",
                retry_after=math.ceil(seconds),
            )
        for bucket, tokens in taken:
            bucket.take(tokens, now)
        if seconds > 0:
            await self._clock.sleep(seconds)

    def _bucket(self, action: Action, what: str, allowance: Allowance, now: float) -> Bucket:
        key = (action.right, what)
        if key not in self._buckets:
            self._buckets[key] = Bucket(allowance, now)
        return self._buckets[key]

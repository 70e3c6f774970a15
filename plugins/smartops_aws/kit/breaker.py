"""A circuit breaker for reads: a service that hangs is waited for once, then skipped."""

from __future__ import annotations

from smartops import Clock

COOL_DOWN = 30.0
"""Seconds for which a service that hangs is not called."""

_PROBE = 1.0
"""Seconds that a call waits for a service that hung before. Its answer may still come later."""


class Breaker:
    """The services of one region that hang. ``seconds`` is how long a read may take.

    After the cool-down, or after a late answer, one call tries again and waits
    for a second only. If the answer comes within ``seconds``, the service is
    called as usual again, even if that call has given up by then.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._until: dict[str, float] = {}

    def allowed(self, service: str) -> float:
        """Return how many seconds a call may take now; 0 if the service is skipped."""
        now = self._clock.time()
        until = self._until.get(service)
        if until is None:
            return self._seconds
        if now < until:
            return 0.0
        self._until[service] = now + COOL_DOWN
        return _PROBE

    def hangs(self, service: str) -> None:
        """Skip a service from now on."""
        self._until.setdefault(service, self._clock.time() + COOL_DOWN)

    def answered(self, service: str, seconds: float) -> None:
        """Call a service as usual, or try it if the answer took too long."""
        if seconds <= self._seconds:
            self._until.pop(service, None)
        elif service in self._until:
            self._until[service] = self._clock.time()

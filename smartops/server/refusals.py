"""Refusals of malformed requests, before their body is parsed, and of very many requests."""

from __future__ import annotations

import math

from smartops.errors import AuthenticationFailed, BackendUnavailable, ValidationFailed
from smartops.services import Clock

from . import bounds


class NotHere(ValidationFailed):
    """There is nothing at this path."""

    status = 404


class WrongMethod(ValidationFailed):
    """The path does not take this method."""

    status = 405


class TooSlow(ValidationFailed):
    """The client did not send its body in time."""

    status = 408


class TooLarge(ValidationFailed):
    """The body is larger than allowed."""

    status = 413


class HeadersTooLarge(ValidationFailed):
    """The path and the headers are larger than allowed."""

    status = 431


class WrongVersion(ValidationFailed):
    """The client speaks another version of HTTP."""

    status = 505


class TooBusy(BackendUnavailable):
    """Too many bodies are being read at once."""


def unrecognised() -> AuthenticationFailed:
    """Return the refusal of a request that no channel recognises."""
    return AuthenticationFailed("Invalid or missing bearer token")


class Brake:
    """Delays the refusals of requests without proof of origin while there are very many.

    A client that sends the next request after the answer is slowed down, so that
    the event loop has time for others.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since = -math.inf
        self._count = 0

    async def pause(self) -> None:
        """Return at once, or after a while if there were too many refusals in this second."""
        now = self._clock.time()
        if not 0 <= now - self._since < 1:
            self._since, self._count = now, 0
        self._count += 1
        if self._count > bounds.REFUSALS:
            await self._clock.sleep(bounds.REFUSAL_PAUSE)

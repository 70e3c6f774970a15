"""What the capabilities of one region share: its name, and whether it answers."""

from __future__ import annotations

from smartops.backends import Backend

from .actions import DESCRIBE
from .config import AwsConfig
from .kit import Region

_REMEMBERED = 15.0
_LEAST = 5  # instances in a page


class AwsBackend(Backend):
    """A backend that calls AWS in one region of one account."""

    region: Region


class Part(AwsBackend):
    """One capability of one region of one account."""

    def __init__(self, region: Region, config: AwsConfig) -> None:
        self.name = region.name
        self.region = region
        self._config = config
        self._answered = float("-inf")

    async def ping(self) -> None:
        """Return if the region answers and lets SmartOps in; asked every 15 seconds at most."""
        now = self.region.clock.time()
        if 0 <= now - self._answered < _REMEMBERED:
            return
        await self.region.call(DESCRIBE, MaxResults=_LEAST)
        self._answered = now

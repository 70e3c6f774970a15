"""What the capabilities of one region share: its name, its api and whether it answers."""

from __future__ import annotations

from smartops.backends import Backend

from .actions import DESCRIBE
from .api import Api
from .config import AwsConfig

_REMEMBERED = 15.0
_LEAST = 5  # instances in a page


class Part(Backend):
    """One capability of one region of one account."""

    def __init__(self, api: Api, config: AwsConfig) -> None:
        self.name = api.name
        self._api = api
        self._config = config
        self._answered = float("-inf")

    async def ping(self) -> None:
        """Return if the region answers and lets SmartOps in; asked every 15 seconds at most."""
        now = self._api.clock.time()
        if 0 <= now - self._answered < _REMEMBERED:
            return
        await self._api.call(DESCRIBE, MaxResults=_LEAST)
        self._answered = now

    async def warm(self) -> None:
        """Make what is needed to call AWS here; nothing is called."""
        await self._api.warm()

    def close(self) -> None:
        """Close the connections to AWS."""
        self._api.sdk.close()

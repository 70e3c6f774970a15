"""Response URLs: a way to answer without being in the channel, five times in half an hour."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from smartops import BackendUnavailable, Clock

from .address import Address
from .api import SlackApi
from .failures import Declined

USES = 5
MOST_URLS = 1_000


class Responses:
    """Answers by response URL, and counts. The URL itself is a secret and never logged."""

    def __init__(self, api: SlackApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._uses: OrderedDict[str, int] = OrderedDict()

    def left(self, address: Address) -> int:
        """Return how many answers the address' URL still takes."""
        if not address.response_url or self._clock.time() >= address.response_until:
            return 0
        return USES - self._uses.get(address.response_url, 0)

    async def send(self, address: Address, message: Mapping[str, Any]) -> None:
        """Answer; raises Declined if the URL takes no more, else as SlackApi.call."""
        if self.left(address) <= 0:
            raise Declined("response_url", "expired_url")
        url = address.response_url
        self._uses[url] = self._uses.pop(url, 0) + 1
        while len(self._uses) > MOST_URLS:
            self._uses.popitem(last=False)
        try:
            await self._api.respond(url, message)
        except BackendUnavailable:  # it certainly did not happen
            self._uses[url] = max(self._uses.get(url, 0) - 1, 0)
            raise

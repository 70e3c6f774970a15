"""Calling AWS from the event loop: limited, in a thread, with refusals that people understand."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from anyio import CapacityLimiter, to_thread

from smartops import Refusal

from .account import Account
from .action import Action
from .faults import Fault
from .limiter import Limiter
from .person import BOT, session_name
from .refusals import is_credentials, refusal

if TYPE_CHECKING:
    from .sdk import Sdk

log = logging.getLogger("smartops.aws")

_PERMITTED = "DryRunOperation"
_MOST_PAGES = 2000


class Region:
    """One region of one account. It has threads and allowances of its own.

    So a region that hangs delays no other. ``wait`` is how many seconds a call
    may wait for its turn.
    """

    def __init__(self, account: Account, region: str, wait: float = 10.0) -> None:
        self.account = account
        self.region = region
        self.name = f"{account.access.name}/{region}"
        self.clock = account.clock
        self.places = CapacityLimiter(account.access.limits.threads)
        """The threads that may be busy here at once."""
        self._limiter = Limiter(self.clock, wait)

    async def call(
        self, action: Action, /, resources: int = 0, **parameters: Any
    ) -> Mapping[str, Any]:
        """Call an operation and return its answer; raises refusals.

        ``resources`` is how many instances it is about, where AWS counts them.
        A change that was begun is waited for even if the task is cancelled.
        """
        try:
            return await self.attempt(action, resources, parameters)
        except Fault as fault:
            raise self.refused(fault, action) from fault

    async def attempt(
        self, action: Action, resources: int, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Call an operation and return its answer; raises Fault, or RateLimited before trying."""
        await self._limiter.turn(action, resources)
        name = session_name() if action.changes else BOT
        return await to_thread.run_sync(
            partial(self._call, action, parameters, name),
            limiter=self.places,
            abandon_on_cancel=not action.changes,
        )

    async def pages(self, action: Action, /, **parameters: Any) -> AsyncIterator[Mapping[str, Any]]:
        """Call an operation until there are no more pages, and yield each; raises refusals."""
        following: str | None = None
        for _ in range(_MOST_PAGES):
            extra = {action.following: following} if following else {}
            page = await self.call(action, 0, **parameters, **extra)
            yield page
            before, following = following, page.get(action.following)
            if not following:
                return
            if following == before:
                break
        fault = Fault("unreadable", "EndlessPages", "the pages do not end")
        raise self.refused(fault, action)

    async def permitted(self, action: Action, /, **parameters: Any) -> None:
        """Return if a change would be permitted, else raise why not; changes nothing."""
        try:
            await self.attempt(action, 0, {**parameters, "DryRun": True})
        except Fault as fault:
            if fault.code != _PERMITTED:
                raise self.refused(fault, replace(action, kind="read")) from fault

    async def warm(self, *services: str) -> None:
        """Make the clients of services now rather than for the first message."""
        await to_thread.run_sync(lambda: self.sdk.warm(self.region, services), limiter=self.places)

    def refused(self, fault: Fault, action: Action) -> Refusal:
        """Return the refusal for a fault, and log what AWS really said."""
        said = refusal(fault, action)
        level = logging.ERROR if is_credentials(fault) else logging.WARNING
        log.log(level, "%s: %s: %s", self.name, said.code, said.reason)
        return said

    @property
    def sdk(self) -> Sdk:
        """The SDK of the account; for worker threads."""
        return self.account.sdk

    def _call(self, action: Action, parameters: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        return self.sdk.call(self.region, action, parameters, name)

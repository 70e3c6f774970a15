"""Calls AWS from the event loop: rate-limited, in a thread, with refusals for people."""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from anyio import CapacityLimiter, to_thread

from smartops import Refusal

from .account import Account
from .action import Action
from .breaker import Breaker
from .faults import Fault
from .limiter import Limiter
from .person import BOT, session_name
from .refusals import is_credentials, refusal

if TYPE_CHECKING:
    from .sdk import Sdk

log = logging.getLogger("smartops.aws")

_PERMITTED = "DryRunOperation"
_MOST_PAGES = 2000
_SHARE = 0.9  # of the time for an answer, after which a service hangs

Answer = Mapping[str, Any]


class Region:
    """One region of one account, with its own threads and rate limits for each service.

    A service that hangs therefore delays no other. ``wait`` is the maximum number of
    seconds that a call waits for the rate limit, and ``read`` the timeout of a read.
    After a timeout the service is skipped until it answers again.
    """

    def __init__(
        self, account: Account, region: str, wait: float = 10.0, read: float = math.inf
    ) -> None:
        self.account = account
        self.region = region
        self.name = f"{account.access.name}/{region}"
        self.clock = account.clock
        threads = account.access.limits.threads
        self.places = CapacityLimiter(threads)
        """Limits the threads for work other than calls."""
        self._calls = defaultdict[str, CapacityLimiter](lambda: CapacityLimiter(threads))
        self._limiter = Limiter(self.clock, wait)
        self._breaker = Breaker(self.clock, read)

    async def call(
        self, action: Action, /, resources: int = 0, **parameters: Any
    ) -> Mapping[str, Any]:
        """Call an operation and return its answer; raises refusals.

        ``resources`` is the number of instances, where AWS limits them. A change that
        has begun is awaited even if the task is cancelled.
        """
        try:
            return await self.attempt(action, resources, parameters)
        except Fault as fault:
            raise self.refused(fault, action) from fault

    async def attempt(
        self, action: Action, resources: int, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Call an operation and return its answer; raises Fault, or RateLimited before trying."""
        if action.changes:
            await self._limiter.turn(action, resources)
            call = partial(self._call, action, parameters, session_name())
            return await to_thread.run_sync(call, limiter=self._calls[action.service])
        seconds = self._breaker.allowed(action.service)
        if not seconds:
            raise Fault("skipped", "NoAnswer", "it hung before", operation=action.operation)
        await self._limiter.turn(action, resources)
        return await self._read(action, partial(self._timed, action, parameters), seconds)

    async def _read(self, action: Action, call: Callable[[], Answer], seconds: float) -> Answer:
        """Wait for the answer to a read; a caller with a shorter timeout reports a hang too."""
        hangs = partial(self._breaker.hangs, action.service)
        try:
            with self.clock.after(_SHARE * seconds, hangs), self.clock.fail_after(seconds):
                limiter = self._calls[action.service]
                return await to_thread.run_sync(call, limiter=limiter, abandon_on_cancel=True)
        except TimeoutError:
            why = f"no answer within {seconds:g} s"
            raise Fault("unanswered", "ReadTimeout", why, operation=action.operation) from None

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
        """Raise the refusal if a change would not be permitted; changes nothing (a dry run)."""
        try:
            await self.attempt(action, 0, {**parameters, "DryRun": True})
        except Fault as fault:
            if fault.code != _PERMITTED:
                raise self.refused(fault, replace(action, kind="read")) from fault

    async def warm(self, *services: str) -> None:
        """Create the clients of services, so that the first message does not wait for it."""
        await to_thread.run_sync(lambda: self.sdk.warm(self.region, services), limiter=self.places)

    def refused(self, fault: Fault, action: Action) -> Refusal:
        """Return the refusal for a fault, and log the text of AWS."""
        refused = refusal(fault, action)
        level = logging.ERROR if is_credentials(fault) else logging.WARNING
        log.log(level, "%s: %s: %s", self.name, refused.code, refused.reason)
        return refused

    @property
    def sdk(self) -> Sdk:
        """The SDK of the account; for worker threads."""
        return self.account.sdk

    def _timed(self, action: Action, parameters: Mapping[str, Any]) -> Answer:
        """Call in a worker thread, and report how long the service took to answer."""
        began, answered = self.clock.time(), True
        try:
            return self._call(action, parameters, BOT)
        except Fault as fault:
            answered = fault.cause in ("service", "unreadable")
            raise
        finally:
            if answered:
                self._breaker.answered(action.service, self.clock.time() - began)

    def _call(self, action: Action, parameters: Mapping[str, Any], name: str) -> Answer:
        """Call in a worker thread; ``name`` is that of the session."""
        return self.sdk.call(self.region, action, parameters, name)

"""Calling AWS from the event loop: limited, in a thread, with refusals that people understand."""

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
    """One region of one account. It has threads and allowances of its own, by service.

    So what hangs delays nothing else. ``wait`` is how many seconds a call may
    wait for its turn, ``read`` after how many seconds without an answer a read
    fails. Then the service is skipped until it answers again.
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
        """The threads that may be busy here at once with work that is not a call."""
        self._calls = defaultdict[str, CapacityLimiter](lambda: CapacityLimiter(threads))
        self._limiter = Limiter(self.clock, wait)
        self._breaker = Breaker(self.clock, read)

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
        """Wait for the answer to a read; also a caller that gives up earlier reports a hang."""
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

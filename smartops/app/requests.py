"""Requests for the approval of others, in the background.

They are posted in their places, escalated, ended when they expire, and executed if the process
stopped that was to do so. Each of it is done by one process.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from smartops.auth.demands import load
from smartops.builtin.roles import end_grants, load_grants
from smartops.contained import Caught, contained
from smartops.errors import BackendUnavailable, Refusal
from smartops.middleware import Gate
from smartops.middleware.demands import is_approved
from smartops.middleware.requests import current_answer, end, escalate
from smartops.store import Approval, ApprovalMessage, Store

from .delivery import GIVEN_UP, Delivery

log = logging.getLogger("smartops.app")


class Requests:
    """Looks after the requests in the store."""

    def __init__(
        self, gate: Gate, delivery: Delivery, store: Store, spawn: Callable[..., None]
    ) -> None:
        self._gate = gate
        self._delivery = delivery
        self._store = store
        self._spawn = spawn

    async def look(self) -> None:
        """Do what is due."""
        for request in await self._store.requests():
            with Caught(log, "the request %s was not looked after", request.id):
                await self._look_at(request)
        for post in await self._store.take_posts():
            self._spawn(self._post, post)
        await end_grants(self._gate.parts)

    async def grants(self) -> None:
        """Use the roles that other processes gave and ended."""
        await load_grants(self._gate.parts)

    async def _look_at(self, request: Approval) -> None:
        parts, now = self._gate.parts, self._gate.parts.clock.time()
        if request.state == "expired":
            if await end(parts, request, "expired"):
                await self._update(request.id)
            return
        await escalate(parts, request)
        if 0 < request.lease_until <= now:
            decisions = await self._store.decisions(request.id)
            approved = is_approved(parts, request, load(request.demands), decisions)
            if approved and await self._store.take_request(request.id):
                self._spawn(self._fulfil, request)

    async def _fulfil(self, request: Approval) -> None:
        """Execute what was approved; the process that was to do so has stopped, or failed."""
        answer = await self._gate.fulfil(request)
        if answer.status != "pending":  # else it is tried again
            await self._delivery.update(answer)

    async def _update(self, approval: str) -> None:
        shown = await current_answer(self._gate.parts, approval)
        if shown is not None:
            await self._delivery.update(shown)

    async def _post(self, post: ApprovalMessage) -> None:
        """Post what shows an approval in a place; and again if it has changed meanwhile."""
        shown = await current_answer(self._gate.parts, post.approval)
        if shown is None:
            return
        posted = GIVEN_UP
        with Caught(log, "%s could not be posted in %s", post.approval, post.place):
            try:
                posted = await contained(post.channel, self._delivery.post(post, shown)) or GIVEN_UP
            except BackendUnavailable as error:  # it is tried again when the lease has ended
                log.warning("%s cannot be posted in %s yet: %s", post.approval, post.place, error)
                return
            except Refusal as error:
                log.error("%s cannot be posted in %s: %s", post.approval, post.place, error)
        self._store.shown(post.key, posted)
        if await current_answer(self._gate.parts, post.approval) != shown:
            await self._update(post.approval)

"""What the steps of the gate work with, and how to get it without starting an app."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import cast

from smartops.annotations import Annotations
from smartops.limits import Limiter, MemoryLimiter, Window
from smartops.middleware import Parts, Running, Wired
from smartops.observer import DecisionEvent
from smartops.store import AuditEvent, Store

from .composition import Composition
from .offers import values


def connect(
    composition: Composition,
    store: Store,
    limiter: Limiter,
    running: Running,
    *,
    count: Callable[[AuditEvent], None] = lambda _: None,
    notify: Callable[[DecisionEvent], None] | None = None,
) -> Parts:
    """Return the parts, with all commands joined to what they ask for."""
    settings, clock = composition.settings, composition.services.clock
    offers = composition.offers
    limits = {"user": settings.limits.user, "team": settings.limits.team}
    limits["burst"] = settings.limits.burst
    composition.key_value_stores.store = store
    wired: dict[str, Wired] = {}
    parts = Parts(
        clock=clock,
        services=composition.services,
        store=store,
        limiter=limiter,
        people=composition.people,
        policy=composition.policy,
        approvals=composition.approvals,
        grants=composition.grants,
        grammar=composition.grammar,
        wired=wired,
        layers=offers.layers,
        guards=offers.guards,
        interpreters=values(offers.interpreters),
        compute=composition.compute,
        annotations=cast("Annotations | None", composition.services.capabilities.get(Annotations)),
        windows={
            name: Window(name, item.limit, item.window.total_seconds())
            for name, item in limits.items()
        },
        expires=settings.confirmation.expires.total_seconds(),
        count=count,
        notify=notify,
        running=running,
        masker=composition.masker,
        schedules=composition.schedules,
    )
    provided: dict[type, object] = {**composition.services.capabilities, Parts: parts}
    wired.update((command.name, Wired(command, provided)) for command in composition.commands)
    return parts


@asynccontextmanager
async def query(composition: Composition) -> AsyncIterator[Parts]:
    """Open what it takes to authorise, on a temporary store.

    No lifespan is entered, no channel runs, and the configured store is not
    touched, so nothing that other processes left in it is taken over.
    """
    clock = composition.services.clock
    async with AsyncExitStack() as stack:
        stack.push_async_callback(composition.http.aclose)
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        store = await Store.open(f"sqlite:///{folder}/query.db", clock)
        stack.push_async_callback(store.aclose)
        yield connect(composition, store, MemoryLimiter(clock), Running())

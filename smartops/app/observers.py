"""The plugins' observers: each is notified from a queue and a task of its own."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import anyio

from smartops.contained import Caught, contained
from smartops.observer import DecisionEvent
from smartops.plugins import Offer

log = logging.getLogger("smartops.app")

BOUND = 1000
"""How many events may wait for one observer; further ones are lost."""

DRAIN_TIMEOUT = 5.0
"""For how many seconds shutdown waits until the observers have got all events."""

Count = Callable[[str, str], None]
"""Counts an event of a plugin by its result: delivered, failed or lost."""


class Observers:
    """Passes decisions to the observers; no message waits for them."""

    def __init__(self, offers: Iterable[Offer], count: Count) -> None:
        self._queues = [_Queue(offer, count) for offer in offers]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._queues)

    def notify(self, event: DecisionEvent) -> None:
        """Put an event into the queue of each observer."""
        for queue in self._queues:
            queue.put(event)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Pass on events; at exit, also those that wait, within the timeout."""
        async with anyio.create_task_group() as group:
            for queue in self._queues:
                group.start_soon(queue.run)
            try:
                yield
            finally:
                for queue in self._queues:
                    queue.close()
                group.cancel_scope.deadline = anyio.current_time() + DRAIN_TIMEOUT


class _Queue:
    """The events that wait for one observer."""

    def __init__(self, observer: Offer, count: Count) -> None:
        self._observer = observer
        self._count = count
        self._lost = 0
        self._send, self._receive = anyio.create_memory_object_stream[DecisionEvent](BOUND)

    def put(self, event: DecisionEvent) -> None:
        try:
            self._send.send_nowait(event)
        except (anyio.WouldBlock, anyio.ClosedResourceError):
            if not self._lost:
                log.warning("the observer of %s is too slow: events are lost", self._observer.owner)
            self._lose(1)

    async def run(self) -> None:
        """Notify the observer of each event until the queue is closed and empty."""
        with self._receive:
            try:
                async for event in self._receive:
                    await self._pass_on(event)
            finally:
                self._lose(self._receive.statistics().current_buffer_used)
                self._report_lost()

    async def _pass_on(self, event: DecisionEvent) -> None:
        owner = self._observer.owner
        with Caught(log, "the observer of %s failed", owner) as caught:
            await contained(owner, self._observer.value(event))
        self._count(owner, "failed" if caught.error else "delivered")
        self._report_lost()

    def _lose(self, number: int) -> None:
        self._lost += number
        for _ in range(number):
            self._count(self._observer.owner, "lost")

    def _report_lost(self) -> None:
        if self._lost:
            log.warning("the observer of %s lost %d events", self._observer.owner, self._lost)
            self._lost = 0

    def close(self) -> None:
        self._send.close()

"""Fetching measurements in batches, with bounded concurrency."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import anyio
from anyio import lowlevel

from smartops import Instance, Metrics, Refusal, Work
from smartops.backends import Failure, Metric, Sample, Usage, failures_of

BATCH = 150  # instances in one request
_PARALLEL = 4  # concurrent requests

T = TypeVar("T")


class Measures:
    """Fetches measurements of any number of instances from a Metrics backend, with progress.

    ``failures`` are, by name, those of several backends that failed. They are not
    asked again, because each request may take until its timeout.
    """

    def __init__(self, metrics: Metrics, period: timedelta, work: Work) -> None:
        self._metrics = metrics
        self._period = period
        self._work = work
        self.failures: dict[str, Failure] = {}

    async def latest(self, instances: Sequence[Instance]) -> dict[str, Usage]:
        """Return the latest usage by instance id; raises the backend's error."""
        return await self._batched("Measured", instances, self._metrics.latest)

    async def series(
        self, metric: Metric, instances: Sequence[Instance], since: datetime
    ) -> dict[str, tuple[Sample, ...]]:
        """Return the averages since ``since`` by instance id."""

        async def ask(batch: Sequence[Instance]) -> Mapping[str, tuple[Sample, ...]]:
            return await self._metrics.series(metric, batch, since=since, period=self._period)

        return await self._batched(f"Read the history of the {metric}", instances, ask)

    async def _batched(
        self,
        what: str,
        instances: Sequence[Instance],
        ask: Callable[[Sequence[Instance]], Awaitable[Mapping[str, T]]],
    ) -> dict[str, T]:
        batches = _batches(instances)
        waiting = iter(batches)
        found: dict[str, T] = {}
        refused: list[Refusal] = []
        done = 0

        async def work() -> None:
            nonlocal done
            for batch in waiting:
                if refused:
                    return
                if batch[0].backend in self.failures:
                    continue
                try:
                    part = await ask(batch)
                    found.update(part)
                    self.failures.update((item.backend, item) for item in failures_of(part))
                except Refusal as error:
                    refused.append(error)
                done += len(batch)
                if len(batches) > 1:
                    await self._work.progress(what, done=done, total=len(instances))
                await lowlevel.checkpoint()  # the backend may have answered without suspending

        async with anyio.create_task_group() as tasks:
            for _ in range(min(_PARALLEL, len(batches))):
                tasks.start_soon(work)
        if refused:
            raise refused[0]
        return found


def _batches(instances: Sequence[Instance]) -> Sequence[Sequence[Instance]]:
    """Return batches of one backend each, so that a batch is one request."""
    homes: dict[str, list[Instance]] = {}
    for instance in instances:
        homes.setdefault(instance.backend, []).append(instance)
    return [
        own[start : start + BATCH] for own in homes.values() for start in range(0, len(own), BATCH)
    ]

"""Measurements in bounded batches, a few at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

import anyio
from anyio import lowlevel

from smartops import Instance, Metrics, Refusal
from smartops.backends import Failure, Metric, Sample, Usage, failures_of

from .config import HealthConfig

T = TypeVar("T")


class Measures:
    """Asks a Metrics backend about any number of instances.

    ``failures`` collects, by name, which of several backends did not answer. They
    are not asked again: each asking may take until patience ends.
    """

    def __init__(self, metrics: Metrics, config: HealthConfig) -> None:
        self._metrics = metrics
        self._config = config
        self.failures: dict[str, Failure] = {}

    async def latest(self, instances: Sequence[Instance]) -> dict[str, Usage]:
        """Return the newest usage by instance id; raises what the backend refuses with."""
        return await self._batched(instances, self._metrics.latest)

    async def series(
        self, metric: Metric, instances: Sequence[Instance], since: datetime
    ) -> dict[str, tuple[Sample, ...]]:
        """Return the averages since then by instance id."""

        async def ask(batch: Sequence[Instance]) -> Mapping[str, tuple[Sample, ...]]:
            return await self._metrics.series(
                metric, batch, since=since, period=self._config.period
            )

        return await self._batched(instances, ask)

    async def _batched(
        self,
        instances: Sequence[Instance],
        ask: Callable[[Sequence[Instance]], Awaitable[Mapping[str, T]]],
    ) -> dict[str, T]:
        batches = _batches(instances, self._config.batch)
        waiting = iter(batches)
        found: dict[str, T] = {}
        refused: list[Refusal] = []

        async def work() -> None:
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
                await (
                    lowlevel.checkpoint()
                )  # a backend that answers at once must not hold up others

        async with anyio.create_task_group() as tasks:
            for _ in range(min(self._config.parallel, len(batches))):
                tasks.start_soon(work)
        if refused:
            raise refused[0]
        return found


def _batches(instances: Sequence[Instance], size: int) -> Sequence[Sequence[Instance]]:
    """Cut into batches of one backend each: what spans several costs a request to every one."""
    homes: dict[str, list[Instance]] = {}
    for instance in instances:
        homes.setdefault(instance.backend, []).append(instance)
    return [
        own[start : start + size] for own in homes.values() for start in range(0, len(own), size)
    ]

"""Measurements from several backends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from smartops.backend import (
    Failure,
    Instance,
    Metric,
    Metrics,
    PartialMap,
    Sample,
    Usage,
    failures_of,
)
from smartops.errors import ValidationFailed

from .group import Group
from .telling import refusal

T = TypeVar("T")
Measure = Callable[[Metrics, Sequence[Instance]], Awaitable[Mapping[str, T]]]


class MetricsGroup(Group[Metrics], Metrics):
    """Measurements of machines, each from the backend that the machine came from.

    Instances of an unknown backend are left out, like those without measurements.
    Backends that do not answer are named, even if none answers, because a batch
    may be of one backend only. Raises ValidationFailed if all of them raise it.
    """

    async def latest(self, instances: Sequence[Instance]) -> Mapping[str, Usage]:
        """Return the newest utilisation from every backend that answers."""
        return await self._measured(instances, lambda metrics, own: metrics.latest(own))

    async def series(
        self,
        metric: Metric,
        instances: Sequence[Instance],
        *,
        since: datetime,
        period: timedelta,
    ) -> Mapping[str, tuple[Sample, ...]]:
        """Return averages per period from every backend that answers."""
        return await self._measured(
            instances,
            lambda metrics, own: metrics.series(metric, own, since=since, period=period),
        )

    async def _measured(
        self, instances: Sequence[Instance], measure: Measure[T]
    ) -> Mapping[str, T]:
        homes = self._by_member(instances)
        answers = await self._ask(
            {
                name: partial(measure, backend, homes[name])
                for name, backend in self._backends.items()
                if name in homes
            }
        )
        errors = [failure.error for failure in answers.failures]
        if errors and not answers.found and all(isinstance(e, ValidationFailed) for e in errors):
            raise refusal(answers.failures)
        found: dict[str, T] = {}
        failures: list[Failure] = [*answers.failures]
        for part in answers.found.values():
            found.update(part)
            failures += failures_of(part)
        return PartialMap(found, failures) if failures else found

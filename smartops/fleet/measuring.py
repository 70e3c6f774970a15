"""Measurements and costs of several backends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import TypeVar

from smartops.backend import (
    Costs,
    DayCost,
    Instance,
    Metric,
    Metrics,
    PartialList,
    PartialMap,
    Sample,
    Usage,
)
from smartops.errors import ValidationFailed

from .failures import refusal
from .group import Group

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
        found = {id_: value for part in answers.found.values() for id_, value in part.items()}
        return PartialMap(found, answers.missing) if answers.missing else found


class CostsGroup(Group[Costs], Costs):
    """The costs of several backends together."""

    async def daily(self, days: int, by: str = "") -> tuple[DayCost, ...]:
        """Return the days that all answering backends have billed, oldest first.

        There is one DayCost for each day, group and currency. A day that one backend has
        not billed yet is left out, because its sum would be too low. Raises the
        joint error if no backend answers.
        """
        answers = await self._ask(
            {name: partial(backend.daily, days, by) for name, backend in self._backends.items()}
        )
        total = _added(answers.required())
        return PartialList(total, answers.missing) if answers.missing else total


def _added(bills: Iterable[Sequence[DayCost]]) -> tuple[DayCost, ...]:
    sums: dict[tuple[date, str, str], float] = defaultdict(float)
    known: list[set[date]] = []
    for bill in bills:
        known.append({item.day for item in bill})
        for item in bill:
            sums[item.day, item.group, item.currency] += item.amount
    common = set.intersection(*known)
    return tuple(
        DayCost(day, round(amount, 2), currency, group)
        for (day, group, currency), amount in sorted(sums.items())
        if day in common
    )

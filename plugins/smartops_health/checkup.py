"""Checking instances: by their latest usage, and by their history if that is high."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from anyio import lowlevel

from smartops import BackendUnavailable, Compute, Instance, Refusal
from smartops.backends import Failure, Metric, Usage, failures_of

from .config import HealthConfig
from .findings import Findings
from .judge import (
    METRICS,
    judge_condition,
    judge_series,
    judge_state,
    judge_unchecked,
    judge_usage,
    threshold_of,
)
from .measures import Measures

MOST_IN_DATA = 500
_MARGIN = 5.0
_CHUNK = 250

T = TypeVar("T")
Suspects = dict[Metric, list[tuple[float, Instance]]]


class Checkup:
    """One check of some instances at one time.

    ``unmeasured`` counts instances without measurements because their backend, one
    of several, failed.
    """

    def __init__(self, config: HealthConfig, measures: Measures, now: datetime) -> None:
        self._config = config
        self._measures = measures
        self._now = now
        self.findings = Findings(MOST_IN_DATA)
        self.unmeasured = 0
        self._suspects: Suspects = {metric: [] for metric in METRICS}

    async def check_conditions(
        self, compute: Compute, instances: Sequence[Instance]
    ) -> Sequence[str]:
        """Collect failed status checks and scheduled events; return what could not be checked."""
        running = [item for item in instances if item.state == "running"]
        try:
            conditions = await compute.conditions(running)
        except Refusal as error:
            return (f"Status checks are unknown: {error.message}",)
        for instance in running:
            if instance.id in conditions:
                for found in judge_condition(instance, conditions[instance.id]):
                    self.findings.add(found)
        return [f"Status checks are without {failure}" for failure in failures_of(conditions)]

    async def examine(self, instances: Sequence[Instance], *, named: bool) -> None:
        """Check the instances and collect findings.

        ``named``: a person named them, so that being stopped is a finding. Raises
        the Metrics backend's error, and BackendUnavailable if all of several
        backends fail.
        """
        running = [item for item in instances if item.state == "running"]
        usage = await self._measures.latest(running)
        for chunk in _chunks(instances):
            for instance in chunk:
                self._check_latest(instance, usage, named=named)
            await lowlevel.checkpoint()
        if running and self.unmeasured == len(running):
            raise _nothing_measured(self._measures.failures.values())
        for metric, suspects in self._suspects.items():
            await self._check_history(metric, suspects)

    def _check_latest(self, instance: Instance, usage: Mapping[str, Usage], *, named: bool) -> None:
        found = judge_state(self._config, instance, self._now, named=named)
        if found is not None:
            self.findings.add(found)
        if instance.state != "running":
            return
        measured = usage.get(instance.id)
        if measured is None and instance.backend in self._measures.failures:
            self.unmeasured += 1
            return
        found = judge_usage(self._config, instance, measured, self._now)
        if found is not None:
            self.findings.add(found)
        elif measured is not None:
            self._suspect(instance, measured)

    def _suspect(self, instance: Instance, usage: Usage) -> None:
        """Record metrics near a threshold: one sample may be below a high average."""
        for metric in METRICS:
            value: float | None = getattr(usage, metric)
            if value is not None and value >= threshold_of(self._config, metric).warning - _MARGIN:
                self._suspects[metric].append((value, instance))

    async def _check_history(self, metric: Metric, suspects: list[tuple[float, Instance]]) -> None:
        """Judge suspects by their history; those beyond ``max_series`` by their latest value."""
        limit = self._config.max_series if threshold_of(self._config, metric).sustained else 0
        chosen = heapq.nlargest(limit, suspects, key=lambda suspect: suspect[0])
        hottest = [instance for _, instance in chosen]
        since = self._now - self._config.window
        series = await self._measures.series(metric, hottest, since) if chosen else {}
        for chunk in _chunks(suspects):
            for value, instance in chunk:
                samples = series.get(instance.id)
                if samples:
                    found = judge_series(self._config, metric, instance, samples, self._now)
                else:
                    found = judge_unchecked(self._config, metric, instance, value)
                if found is not None:
                    self.findings.add(found)
            await lowlevel.checkpoint()


def _nothing_measured(failures: Iterable[Failure]) -> Refusal:
    """Return the joint error of all backends, with their code if it is the same."""
    first, *others = failures
    if not others:
        return first.error
    message = "No backend answers with measurements"
    details = "; ".join(map(_with_details, (first, *others)))
    if all(failure.error.code == first.error.code for failure in others):
        return first.error.reworded(message, details)
    return BackendUnavailable(message, details=details)


def _with_details(failure: Failure) -> str:
    details = failure.error.details
    return f"{failure} ({details})" if details else str(failure)


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Return chunks that are small enough not to block the event loop."""
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))

"""Backends in memory whose measurements are given as one value for each period."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pytest

import smartops_health
from machines import NOON, machine
from smartops import Costs, Instance, Metrics, Refusal, Reply
from smartops.backends import (
    Condition,
    DayCost,
    Failure,
    Metric,
    Page,
    PartialMap,
    Query,
    Sample,
    Usage,
)
from smartops.testing import FakeWork, ManualClock, offline_services

PERIOD = timedelta(minutes=5)


class Cloud:
    """Lists instances, which is all that a check needs of a Compute."""

    def __init__(self, instances: Sequence[Instance], failures: Sequence[Failure]) -> None:
        self.instances = tuple(instances)
        self.failures = tuple(failures)

    async def list(self, query: Query) -> Page:
        assert query == Query(states=Query.EXISTING)
        return Page(self.instances, {}, failures=self.failures)

    async def conditions(self, instances: Sequence[Instance]) -> Mapping[str, Condition]:
        return {}


class Gauges(Metrics):
    """A Metrics in memory; ``history`` has averages by metric and id, up to noon."""

    name = "gauges"

    def __init__(self) -> None:
        self.history: dict[tuple[Metric, str], Sequence[float]] = {}
        self.measured_at: dict[str, datetime] = {}
        self.latest_asked: list[int] = []
        self.series_asked: list[tuple[Metric, int]] = []
        self.latest_fault: Refusal | None = None
        self.series_fault: Refusal | None = None
        self.away: dict[str, Refusal] = {}

    async def ping(self) -> None: ...

    async def latest(self, instances: Sequence[Instance]) -> Mapping[str, Usage]:
        ids = [item.id for item in instances]
        self.latest_asked.append(len(ids))
        if self.latest_fault:
            raise self.latest_fault
        found = {each: self._usage(each) for each in ids}
        measured = {each: usage for each, usage in found.items() if usage != Usage()}
        return self._without_failed(instances, measured)

    def _without_failed(
        self, instances: Sequence[Instance], found: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        gone = {item.id: item.backend for item in instances if item.backend in self.away}
        if not gone:
            return found
        rest = {each: value for each, value in found.items() if each not in gone}
        failures = [Failure(name, self.away[name]) for name in dict.fromkeys(gone.values())]
        return PartialMap(rest, failures)

    def _usage(self, id: str) -> Usage:
        last = {
            metric: self.history[metric, id][-1]
            for metric in ("cpu", "memory", "disk")
            if self.history.get((metric, id))
        }
        return Usage(**last, at=self.measured_at.get(id, NOON)) if last else Usage()

    async def series(
        self, metric: Metric, instances: Sequence[Instance], *, since: datetime, period: timedelta
    ) -> Mapping[str, tuple[Sample, ...]]:
        ids = [item.id for item in instances]
        self.series_asked.append((metric, len(ids)))
        if self.series_fault:
            raise self.series_fault
        assert period == PERIOD
        found = {
            each: tuple(_samples(self.history[metric, each], since))
            for each in ids
            if (metric, each) in self.history
        }
        return self._without_failed(instances, found)


def _samples(values: Sequence[float | None], since: datetime) -> list[Sample]:
    start = NOON - PERIOD * len(values)
    samples = [
        Sample(start + PERIOD * index, value)
        for index, value in enumerate(values)
        if value is not None
    ]
    return [sample for sample in samples if sample.at > since - PERIOD]


class Ledger(Costs):
    """A Costs in memory."""

    name = "ledger"

    def __init__(self, amounts: Sequence[float]) -> None:
        self.amounts = amounts
        self.fault: Refusal | None = None

    async def ping(self) -> None: ...

    async def daily(self, days: int, by: str = "") -> tuple[DayCost, ...]:
        if self.fault:
            raise self.fault
        first = date(2026, 11, 1)
        known = [
            DayCost(first + timedelta(days=index), amount)
            for index, amount in enumerate(self.amounts)
        ]
        return tuple(known[-days:])


@dataclass
class Plugin:
    """The plugin with its backends."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    machines: list[Instance] = field(default_factory=list)
    gauges: Gauges = field(default_factory=Gauges)
    ledger: Ledger | None = field(default_factory=lambda: Ledger([10.0] * 14))
    away: dict[str, Refusal] = field(default_factory=dict)

    def add(self, id: str, name: str = "", **more: Any) -> Instance:
        """Add an instance; metrics are values for each period, or one number for two hours."""
        for metric in ("cpu", "memory", "disk"):
            values = more.pop(metric, 20.0 if metric == "cpu" else None)
            if isinstance(values, float | int):
                values = [float(values)] * 24
            if values:
                self.gauges.history[metric, id] = values
        self.machines.append(machine(id, name, **more))
        return self.machines[-1]

    async def check(self, *targets: Instance) -> Reply:
        model = smartops_health.config_type()
        services = offline_services(ManualClock(NOON.timestamp()))
        (command,) = smartops_health.register_commands(model(**self.settings), services)
        cloud = Cloud(self.machines, [Failure(name, error) for name, error in self.away.items()])
        reply = await command(cloud, self.gauges, self.ledger, FakeWork(), list(targets) or None)
        assert isinstance(reply, Reply)
        return reply


@pytest.fixture
def load() -> Callable[..., Plugin]:
    def build(**settings: Any) -> Plugin:
        return Plugin(settings)

    return build

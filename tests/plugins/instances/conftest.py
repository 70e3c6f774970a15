"""A small cloud in memory, and a helper that calls commands like the gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

import smartops_instances
from machines import NOON, call
from smartops import Call, Command, Compute, Instance, Metrics, Refusal
from smartops.backends import Metric, Page, Query, Sample, Transition, Usage, Verb, page_of
from smartops.testing import ManualClock, offline_services

AFTER: dict[Verb, str] = {"start": "pending", "stop": "stopping", "reboot": "running"}


class Cloud(Compute):
    """A Compute in memory. ``calls`` records the changing calls."""

    name = "fake"

    def __init__(self, *instances: Instance) -> None:
        self.instances = {item.id: item for item in instances}
        self.calls: list[tuple[Any, ...]] = []
        self.checked: list[tuple[str, tuple[str, ...]]] = []
        self.queries: list[Query] = []
        self.refuse: Refusal | None = None

    async def ping(self) -> None: ...

    async def list(self, query: Query) -> Page:
        self.queries.append(query)
        return await page_of(self.instances.values(), query)

    async def check(self, verb: Verb, instances: Sequence[Instance]) -> None:
        self.checked.append((verb, tuple(item.id for item in instances)))
        if self.refuse:
            raise self.refuse

    async def act(self, verb: Verb, instances: Sequence[Instance]) -> tuple[Transition, ...]:
        if self.refuse:
            raise self.refuse
        ids = [item.id for item in instances]
        self.calls.append((verb, tuple(ids)))
        done = []
        for each in ids:
            before = self.instances[each]
            self.instances[each] = after = replace(before, state=AFTER[verb])
            done.append(Transition(each, before.state, after.state))
        return tuple(done)

    async def check_tag(
        self, instance: Instance, *, put: Mapping[str, str], remove: Sequence[str] = ()
    ) -> None:
        self.checked.append(("tag", (instance.id,)))
        if self.refuse:
            raise self.refuse

    async def tag(
        self, instance: Instance, *, put: Mapping[str, str], remove: Sequence[str] = ()
    ) -> None:
        id_ = instance.id
        self.calls.append(("tag", id_, dict(put), tuple(remove)))
        left = {key: value for key, value in self.instances[id_].tags.items() if key not in remove}
        self.instances[id_] = replace(self.instances[id_], tags={**left, **put})


class Gauges(Metrics):
    """A Metrics in memory; raises ``fault`` if it is set."""

    name = "gauges"

    def __init__(self, **usage: Usage) -> None:
        self.usage = {key.replace("_", "-"): value for key, value in usage.items()}
        self.asked: list[tuple[str, ...]] = []
        self.fault: Refusal | None = None

    async def ping(self) -> None: ...

    async def latest(self, instances: Sequence[Instance]) -> Mapping[str, Usage]:
        ids = [item.id for item in instances]
        self.asked.append(tuple(ids))
        if self.fault:
            raise self.fault
        return {each: self.usage[each] for each in ids if each in self.usage}

    async def series(
        self, metric: Metric, instances: Sequence[Instance], *, since: datetime, period: timedelta
    ) -> Mapping[str, tuple[Sample, ...]]:
        raise AssertionError("a listing needs no series")


@dataclass
class Plugin:
    """The plugin with its backends. ``commands`` are by name."""

    cloud: Cloud
    gauges: Gauges
    clock: ManualClock
    commands: Mapping[str, Command] = field(default_factory=dict)

    def call(self, **arguments: Any) -> Call:
        return call("list instances", arguments)


@pytest.fixture
def load() -> Callable[..., Plugin]:
    """Return a factory that takes instances, and the plugin's settings as keywords."""

    def build(*instances: Instance, gauges: Gauges | None = None, **settings: Any) -> Plugin:
        model = smartops_instances.config_type()
        clock = ManualClock(NOON.timestamp())
        commands = smartops_instances.register_commands(
            model(**{"follow": "0s", **settings}), offline_services(clock)
        )
        return Plugin(
            Cloud(*instances), gauges or Gauges(), clock, {item.name: item for item in commands}
        )

    return build


@pytest.fixture
def gauges() -> type[Gauges]:
    return Gauges

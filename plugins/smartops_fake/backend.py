"""The cloud as a backend: its four capabilities, which follow the rules of EC2 and SSM."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from smartops import Clock, Compute, Costs, Instance, Metrics, ValidationFailed
from smartops.backends import (
    Condition,
    DayCost,
    Metric,
    Page,
    Query,
    Sample,
    State,
    Transition,
    Usage,
    Verb,
    page_of,
)

from .cloud import Change, Cloud, Decision, FakeBackend, in_turns
from .config import FakeConfig
from .machines import DAY, MINUTE, Machine, shape_of
from .runner import FakeRunner

_ALLOWED: Mapping[Verb, Sequence[State]] = {
    "start": ("stopped", "pending", "running"),
    "stop": ("running", "stopping", "stopped"),
    "reboot": ("running",),
}
"""The states that allow a verb. Only in the first one does it change anything."""

_DONE = {"start": "started", "stop": "stopped", "reboot": "rebooted"}
_AGENT_DELAY = 4.0  # seconds from running until the agent answers
_STORAGE = 0.27  # dollars a day for the disk, which a stopped instance pays for too


class FakeCompute(FakeBackend, Compute):
    """The instances of a cloud."""

    async def list(self, query: Query) -> Page:
        """Return the instances that match; raises ValidationFailed for a foreign cursor."""
        async with self._cloud.faults.around("list", query.ids):
            now = self._cloud.now()
            return await page_of((self._cloud.view(item, now) for item in self._cloud.order), query)

    async def conditions(self, instances: Sequence[Instance]) -> Mapping[str, Condition]:
        """Return the configured failed checks and events of the instances that run."""
        ids = [instance.id for instance in instances]
        async with self._cloud.faults.around("conditions", ids):
            now = self._cloud.now()
            return {
                machine.id: machine.condition()
                for machine in filter(None, map(self._cloud.find, ids))
                if machine.state_at(now) == "running" and machine.condition() != Condition()
            }

    async def check(self, verb: Verb, instances: Sequence[Instance]) -> None:
        """Raise what ``change`` would raise for want of a permission or because of a state."""
        ids = [instance.id for instance in instances]
        async with self._cloud.faults.around("check", ids):
            now = self._cloud.now()
            self._cloud.faults.deny(verb, ids)
            self._permitted(verb, ids, now)

    async def change(self, verb: Verb, instances: Sequence[Instance]) -> tuple[Transition, ...]:
        """Start, stop or reboot all of the instances, or raise and change none."""
        ids = tuple(dict.fromkeys(instance.id for instance in instances))
        done: list[Transition] = []

        def decide(now: float) -> Decision:
            changed = []
            for machine in self._permitted(verb, ids, now):
                before = machine.state_at(now)
                new = self._changed(machine, verb, now) if before == _ALLOWED[verb][0] else machine
                done.append(Transition(machine.id, before, new.state_at(now)))
                changed.append(new)
            return Change(what=verb, at=now, ids=ids), changed

        async with self._cloud.faults.around(verb, ids):
            await self._cloud.change(decide)
        return tuple(done)

    async def check_tag(
        self, instance: Instance, *, put: Mapping[str, str], remove: Sequence[str] = ()
    ) -> None:
        """Raise what ``tag`` would raise for want of a permission or because of the tags."""
        async with self._cloud.faults.around("check", [instance.id]):
            self._cloud.now()
            self._cloud.faults.deny("tag", [instance.id])
            _tagged(self._cloud.machine(instance.id), put, remove)

    async def tag(
        self, instance: Instance, *, put: Mapping[str, str], remove: Sequence[str] = ()
    ) -> None:
        """Set and remove tags; raises ValidationFailed if the cloud would not take them."""

        def decide(now: float) -> Decision:
            changed = _tagged(self._cloud.machine(instance.id), put, remove)
            return Change(what="tag", at=now, ids=(instance.id,)), [changed]

        async with self._cloud.faults.around("tag", [instance.id]):
            await self._cloud.change(decide)

    def _permitted(self, verb: Verb, ids: Sequence[str], now: float) -> Sequence[Machine]:
        if not ids:
            raise ValidationFailed(
                f"There is nothing to {verb}", details="MissingParameter: name an instance"
            )
        machines = [self._cloud.machine(id_) for id_ in dict.fromkeys(ids)]
        for machine in machines:
            _permit(machine, verb, now)
        return machines

    def _changed(self, machine: Machine, verb: Verb, now: float) -> Machine:
        """Return a machine with the transition that a verb begins."""
        end = now + getattr(self._cloud.config.transitions, verb).total_seconds()
        history, boots = machine.history, machine.boots
        if verb == "stop":
            history = (*history, (now, "stopping"), (end, "stopped"))
        elif verb == "start":
            started: State = "stopped" if machine.config.falls_back else "running"
            history = (*history, (now, "pending"), (end, started))
            boots = (*boots, (now, end + _AGENT_DELAY))
        else:
            boots = (*boots, (now, end))
        return replace(machine, history=history, boots=boots)


def _permit(machine: Machine, verb: Verb, now: float) -> None:
    name, state = machine.name or machine.id, machine.state_at(now)
    if state not in _ALLOWED[verb]:
        raise ValidationFailed(
            f"{name} is {state} and cannot be {_DONE[verb]}",
            details=f"IncorrectInstanceState: {machine.id}",
        )
    if verb == "stop" and machine.config.protected:
        raise ValidationFailed(
            f"{name} is protected against being stopped",
            details=f"OperationNotPermitted: take the stop protection off {machine.id} first",
        )


def _tagged(machine: Machine, put: Mapping[str, str], remove: Sequence[str]) -> Machine:
    """Return a machine with other tags; raises ValidationFailed if the cloud refuses them."""
    tags = {key: value for key, value in machine.tags.items() if key not in remove} | dict(put)
    refused = [key for key in put if not key or key.startswith("aws:") or key in remove]
    if refused or len(tags) > 50:
        details = "An instance has at most 50 tags; names with aws: are reserved"
        raise ValidationFailed("These tags cannot be set", details=details)
    return replace(machine, tags=tags)


class FakeMetrics(FakeBackend, Metrics):
    """CPU, memory and disk of the instances that run."""

    async def latest(self, instances: Sequence[Instance]) -> Mapping[str, Usage]:
        """Return the values of the last whole minute."""
        ids = [instance.id for instance in instances]
        async with self._cloud.faults.around("latest", ids):
            minute = (self._cloud.now() // MINUTE - 1) * MINUTE
            return {
                machine.id: usage
                async for machine in in_turns(filter(None, map(self._cloud.find, ids)), 50)
                if (usage := self._cloud.usage(machine, minute))
            }

    async def series(
        self, metric: Metric, instances: Sequence[Instance], *, since: datetime, period: timedelta
    ) -> Mapping[str, tuple[Sample, ...]]:
        """Return one value per period; periods start at whole multiples of their length."""
        ids = [instance.id for instance in instances]
        seconds = period.total_seconds()
        if seconds < MINUTE or seconds % MINUTE:
            raise ValidationFailed("A period of metrics is a whole number of minutes")
        async with self._cloud.faults.around("series", ids):
            past = self._cloud.now() // MINUTE * MINUTE
            numbers = range(int(since.timestamp() // seconds), math.ceil(past / seconds))
            found = {
                machine.id: tuple(_samples(machine, metric, seconds, numbers, past))
                async for machine in in_turns(filter(None, map(self._cloud.find, ids)), 5)
            }
        return {id_: samples for id_, samples in found.items() if samples}


def _samples(
    machine: Machine, metric: Metric, seconds: float, numbers: range, past: float
) -> Iterator[Sample]:
    """Yield the value in the middle of each period that the machine was running in."""
    for number in numbers:
        start = number * seconds
        at = min(start + seconds / 2, past - MINUTE / 2)
        if machine.state_at(at) == "running":
            yield Sample(datetime.fromtimestamp(start, UTC), machine.level(metric, at))


class FakeCosts(FakeBackend, Costs):
    """The daily bill of a cloud."""

    async def daily(self, days: int, by: str = "") -> tuple[DayCost, ...]:
        """Return the last whole days (UTC), at most 13 months."""
        async with self._cloud.faults.around("daily"):
            if days < 1:
                raise ValidationFailed("Costs are asked for at least one day")
            today = int(self._cloud.now() // DAY)
            known = range(today - min(days, 395), today)
            bill: defaultdict[str, dict[int, float]] = defaultdict(
                lambda: dict.fromkeys(known, 0.0)
            )
            async for machine in in_turns(self._cloud.order, 50):
                for day in known:
                    for service, amount in _costs(machine, day * DAY).items():
                        bill[self._group(by, machine, service)][day] += amount
        return tuple(
            DayCost(
                datetime.fromtimestamp(day * DAY, UTC).date(), round(amounts[day], 2), group=group
            )
            for day in known
            for group, amounts in (bill or {"": bill[""]}).items()
        )

    def _group(self, by: str, machine: Machine, service: str) -> str:
        kind, _, key = by.partition(":")
        if key:
            return machine.tags.get(key, "(no tag)")
        groups = {"": "", "service": service, "account": self.name, "region": "local"}
        if kind not in groups:
            raise ValidationFailed(f"Costs are not grouped by {by}")
        return groups[kind]


def _costs(machine: Machine, day: float) -> Mapping[str, float]:
    """Return what a machine costs on a day: the time that it runs, and its disk."""
    amounts = {"Machines": 0.0, "Disks": 0.0}
    for (start, state), (end, _) in pairwise((*machine.history, (math.inf, ""))):
        share = (min(end, day + DAY) - max(start, day)) / DAY
        if share > 0 and state != "terminated":
            amounts["Disks"] += share * _STORAGE
            if state == "running":
                amounts["Machines"] += share * 24 * shape_of(machine.config.type)[0]
    return amounts


class Fake(FakeCompute, FakeRunner, FakeMetrics, FakeCosts):
    """A made-up cloud in memory, with all four capabilities."""

    @classmethod
    def of(cls, config: FakeConfig, clock: Clock) -> Fake:
        """Make the cloud; raises ValueError if the configuration or the state file is wrong."""
        return cls(Cloud(config, clock))

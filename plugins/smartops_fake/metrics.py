"""Measurements over time, computed for whatever window is asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from anyio import lowlevel

from smartops import Instance, Metric, Metrics, Sample, Usage, ValidationFailed

from .machine import Machine
from .part import Part
from .signals import level

_MINUTE = 60.0
_FINEST = 900.0
_MOST_PROBES = 24
_KEPT = 455 * 86400.0
_MAX_POINTS = 100_800
_MACHINES_A_TURN = 50
_PROBES_A_TURN = 200


class FakeMetrics(Part, Metrics):
    """CPU, memory and disk of the machines that run."""

    async def latest(self, instances: Sequence[Instance]) -> Mapping[str, Usage]:
        """Return the averages of the last whole minute."""
        ids = [instance.id for instance in instances]
        await self._world.faults.before("latest", ids)
        minute = self._world.settle() // _MINUTE * _MINUTE - _MINUTE
        usages: dict[str, Usage] = {}
        for number, machine in enumerate(self._known(ids), 1):
            at, usage = machine.measured
            if at != minute:  # a minute that is over stays as it was
                usage = _usage(machine, minute)
                machine.measured = (minute, usage)
            if usage is not None:
                usages[machine.id] = usage
            if number % _MACHINES_A_TURN == 0:
                await lowlevel.checkpoint()
        await self._world.faults.after("latest", ids)
        return usages

    async def series(
        self,
        metric: Metric,
        instances: Sequence[Instance],
        *,
        since: datetime,
        period: timedelta,
    ) -> Mapping[str, tuple[Sample, ...]]:
        """Return averages per period, at the period's start, periods being whole multiples of it.

        The last one may be of a period that has not ended. Raises
        ValidationFailed for more points than the cloud gives.
        """
        ids = [instance.id for instance in instances]
        await self._world.faults.before("series", ids)
        now = self._world.settle()
        whole = now // _MINUTE * _MINUTE
        seconds = period.total_seconds()
        starts = _periods(since.timestamp(), now, seconds)
        moments = [datetime.fromtimestamp(start, UTC) for start in starts]
        probes = _probes(seconds)
        found: dict[str, tuple[Sample, ...]] = {}
        read = 0
        for machine in self._known(ids):
            if metric not in machine.measures:
                continue
            samples = []
            for start, moment in zip(starts, moments, strict=True):
                value = _average(machine, metric, [start + probe for probe in probes], whole)
                if value is not None:
                    samples.append(Sample(moment, value))
                read += len(probes)
                if read >= _PROBES_A_TURN:
                    read = 0
                    await lowlevel.checkpoint()
            if samples:
                found[machine.id] = tuple(samples)
        await self._world.faults.after("series", ids)
        return found

    def _known(self, ids: Sequence[str]) -> Iterator[Machine]:
        by_id = self._world.index.by_id
        return (machine for id_ in ids if (machine := by_id.get(id_)))


def _usage(machine: Machine, minute: float) -> Usage | None:
    middle = minute + _MINUTE / 2
    if not machine.measures or not machine.runs_at(middle):
        return None
    values = {metric: level(machine, metric, middle) for metric in machine.measures}
    return Usage(
        cpu=values.get("cpu"),
        memory=values.get("memory"),
        disk=values.get("disk"),
        at=datetime.fromtimestamp(minute, UTC),
    )


def _periods(since: float, now: float, seconds: float) -> Sequence[float]:
    """Return the starts of the periods from the one that holds ``since`` to the present one."""
    if seconds < _MINUTE or seconds % _MINUTE:
        raise ValidationFailed("A period of metrics is a whole number of minutes")
    first = math.floor(max(since, now - _KEPT) / seconds)
    last = math.ceil(now / seconds)
    if last - first > _MAX_POINTS:
        raise ValidationFailed(
            f"That is more than {_MAX_POINTS:,} points",
            details="Ask for a longer period or a shorter time",
        )
    return [number * seconds for number in range(first, last)]


def _probes(seconds: float) -> Sequence[float]:
    """Return the moments of a period, from its start, whose average stands for it.

    They are fixed, so a period that is over answers the same for ever.
    """
    number = max(1, min(_MOST_PROBES, int(seconds / _FINEST)))
    return [(index + 0.5) * seconds / number for index in range(number)]


def _average(
    machine: Machine, metric: Metric, moments: Sequence[float], until: float
) -> float | None:
    """Return the average of the moments that are past and that the machine ran at, or None."""
    values = [level(machine, metric, at) for at in moments if at < until and machine.runs_at(at)]
    return round(sum(values) / len(values), 2) if values else None

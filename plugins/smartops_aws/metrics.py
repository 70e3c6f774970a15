"""Measurements: CloudWatch's own of the CPU, and those of its agent of memory and disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from anyio import lowlevel

from smartops import Instance, Metrics, ValidationFailed
from smartops.backends import Metric, Sample, Usage

from .actions import DATA
from .config import AwsConfig
from .discovery import Discovery
from .expiring import Expiring
from .gauges import Gauge, cpu, measures, query, used
from .kit import Region
from .kit.concurrency import SingleFlight, together
from .part import Part

_FIVE_MINUTES = timedelta(minutes=5)  # what EC2 measures without detailed monitoring
_NEWEST = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_STORED: tuple[tuple[timedelta, timedelta], ...] = (
    (timedelta(days=63), timedelta(hours=1)),
    (timedelta(days=15), _FIVE_MINUTES),
)
"""Measurements older than the first are stored by multiples of the second."""

_TURN = 20  # instances and gauges that are handled before other tasks can run
MOST_QUERIES = 500
MOST_POINTS = 90_000  # CloudWatch takes 100,800; the ends of a window add some

Points = Mapping[datetime, float]
Series = tuple[Sample, ...]
_Key = tuple[Metric, str, datetime, timedelta]


class AwsMetrics(Part, Metrics):
    """The measurements of one region of one account."""

    def __init__(self, region: Region, config: AwsConfig) -> None:
        super().__init__(region, config)
        self._cached = config.metrics.cache.total_seconds()
        self._discovery = Discovery(region, config.metrics.agent_namespace)
        time = region.clock.time
        self._usages: Expiring[str, Usage | None] = Expiring(time)
        self._series: Expiring[_Key, Series] = Expiring(time)
        self._asked: SingleFlight[str, Usage | None] = SingleFlight()
        self._averaged: SingleFlight[_Key, Series] = SingleFlight()

    async def latest(self, instances: Sequence[Instance]) -> Mapping[str, Usage]:
        """Return the newest usage of the last hour; ``at`` is that of the oldest value in it."""
        ids = list(dict.fromkeys(instance.id for instance in instances))
        self._discovery.platforms.update(instance.platform for instance in instances)
        known = self._usages.live(ids)
        missing = [id_ for id_ in ids if id_ not in known]
        if missing:
            known |= await self._asked.batch(missing, self._newest)
        return {id_: usage for id_ in ids if (usage := known[id_]) is not None}

    async def series(
        self,
        metric: Metric,
        instances: Sequence[Instance],
        *,
        since: datetime,
        period: timedelta,
    ) -> Mapping[str, Series]:
        """Return averages; of the disk, those of the fullest file system at each moment.

        Raises ValidationFailed for a period that is not whole minutes, or finer
        than CloudWatch stores for so long.
        """
        now = self.region.clock.now()
        _possible(since, now, period)
        start = _aligned(since, period)
        ids = dict.fromkeys(instance.id for instance in instances)
        self._discovery.platforms.update(instance.platform for instance in instances)
        keys: list[_Key] = [(metric, id_, start, period) for id_ in ids]
        known = self._series.live(keys)
        missing = [key for key in keys if key not in known]
        if missing:
            known |= await self._averaged.batch(missing, partial(self._averages, now))
        return {key[1]: known[key] for key in keys if known[key]}

    async def _averages(self, now: datetime, keys: Sequence[_Key]) -> Mapping[_Key, Series]:
        """Ask for series of one metric and period, and cache them."""
        metric, _, start, period = keys[0]
        gauges = await self._gauges(metric, [id_ for _, id_, *_ in keys])
        every = [gauge for own in gauges.values() for gauge in own]
        points = await read(self.region, every, start, _aligned(now, period) + period, period)
        found: dict[_Key, Series] = {}
        for number, key in enumerate(keys, 1):
            found[key] = _fullest([points[item] for item in gauges[key[1]] if item in points])
            if number % _TURN == 0:
                await lowlevel.checkpoint()
        self._series.put(found, self._cached)
        return found

    async def _gauges(self, metric: Metric, ids: Sequence[str]) -> Mapping[str, Sequence[Gauge]]:
        if metric == "cpu":
            return {id_: [cpu(id_)] for id_ in ids}
        found = await self._discovery.of(ids)
        return {id_: [each for each in found[id_] if measures(each) == metric] for id_ in ids}

    async def _newest(self, ids: Sequence[str]) -> Mapping[str, Usage | None]:
        found = await self._discovery.of(ids)
        gauges = {id_: (cpu(id_), *found[id_]) for id_ in ids}
        every = [gauge for own in gauges.values() for gauge in own]
        now = self.region.clock.now()
        start = _aligned(now - _NEWEST, _FIVE_MINUTES)
        end = _aligned(now, _FIVE_MINUTES) + _FIVE_MINUTES
        points = await read(self.region, every, start, end, _FIVE_MINUTES)
        usages: dict[str, Usage | None] = {}
        for number, (id_, own) in enumerate(gauges.items(), 1):
            usages[id_] = _usage(own, points)
            if number % (10 * _TURN) == 0:
                await lowlevel.checkpoint()
        self._usages.put(usages, self._cached)
        return usages


async def read(
    region: Region, gauges: Sequence[Gauge], start: datetime, end: datetime, period: timedelta
) -> Mapping[Gauge, Points]:
    """Return the averages of each gauge by the start of their period; raises refusals.

    ``start`` is the start of a period and ``end`` the end of one. Gauges without
    any are left out.
    """
    points = max(1, (end - start) // period)
    size = max(1, min(MOST_QUERIES, MOST_POINTS // points))
    unique = list(dict.fromkeys(gauges))
    batches = [unique[at : at + size] for at in range(0, len(unique), size)]
    ask = partial(_portion, region, start=start, end=end, seconds=int(period.total_seconds()))
    found: dict[Gauge, Points] = {}
    for part in await together(ask, batches):
        found.update(part)
    return found


async def _portion(
    region: Region, gauges: Sequence[Gauge], *, start: datetime, end: datetime, seconds: int
) -> Mapping[Gauge, Points]:
    by_id = {f"q{number}": gauge for number, gauge in enumerate(gauges)}
    pages = region.pages(
        DATA,
        MetricDataQueries=[query(gauge, id_, seconds) for id_, gauge in by_id.items()],
        StartTime=start,
        EndTime=end,
    )
    found: dict[Gauge, dict[datetime, float]] = {}
    async for page in pages:
        for number, result in enumerate(page["MetricDataResults"], 1):
            gauge = by_id[result["Id"]]
            values = found.setdefault(gauge, {})
            for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                values[at.astimezone(UTC)] = used(gauge, value)
            if number % _TURN == 0:
                await lowlevel.checkpoint()
    return {gauge: values for gauge, values in found.items() if values}


def _usage(gauges: Sequence[Gauge], points: Mapping[Gauge, Points]) -> Usage | None:
    """Return the highest of the newest values of each metric, and when the oldest of those was."""
    values: dict[Metric, float] = {}
    moments: list[datetime] = []
    for gauge in gauges:
        if gauge in points:
            at = max(points[gauge])
            metric = measures(gauge)
            values[metric] = max(round(points[gauge][at], 2), values.get(metric, 0.0))
            moments.append(at)
    if not moments:
        return None
    return Usage(
        cpu=values.get("cpu"),
        memory=values.get("memory"),
        disk=values.get("disk"),
        at=min(moments),
    )


def _fullest(measured: Sequence[Points]) -> Series:
    """Return the highest of several measurements at each moment, oldest first."""
    highest: dict[datetime, float] = {}
    for points in measured:
        for at, value in points.items():
            highest[at] = max(value, highest.get(at, 0.0))
    return tuple(Sample(at, round(highest[at], 2)) for at in sorted(highest))


def _aligned(moment: datetime, period: timedelta) -> datetime:
    seconds = period.total_seconds()
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, UTC)


def _possible(since: datetime, now: datetime, period: timedelta) -> None:
    if period < _MINUTE or period % _MINUTE:
        raise ValidationFailed("A period of metrics is a whole number of minutes")
    for age, finest in _STORED:
        if now - since > age and period % finest:
            raise ValidationFailed(
                f"CloudWatch does not keep metrics for {age.days} days by so short a period",
                details=f"Ask for multiples of {finest.total_seconds() / 60:g} minutes",
            )
    if (now - since) / period > MOST_POINTS:
        raise ValidationFailed(
            f"That is more than {MOST_POINTS:,} points",
            details="Ask for a longer period or a shorter time",
        )

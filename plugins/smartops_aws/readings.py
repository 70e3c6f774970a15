"""Reading gauges: as many in one request of GetMetricData as it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from anyio import lowlevel

from .actions import DATA
from .gauges import Gauge
from .kit import Region
from .kit.concurrency import together

MOST_QUERIES = 500
MOST_POINTS = 90_000  # CloudWatch takes 100,800; the ends of a window add some
_TURN = 20  # gauges that are worked on before others get their turn

Points = Mapping[datetime, float]


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
    ask = partial(_ask, region, start=start, end=end, seconds=int(period.total_seconds()))
    found: dict[Gauge, Points] = {}
    for part in await together(ask, batches):
        found.update(part)
    return found


async def _ask(
    region: Region, gauges: Sequence[Gauge], *, start: datetime, end: datetime, seconds: int
) -> Mapping[Gauge, Points]:
    by_id = {f"q{number}": gauge for number, gauge in enumerate(gauges)}
    pages = region.pages(
        DATA,
        MetricDataQueries=[gauge.query(id_, seconds) for id_, gauge in by_id.items()],
        StartTime=start,
        EndTime=end,
    )
    found: dict[Gauge, dict[datetime, float]] = {}
    async for page in pages:
        for number, result in enumerate(page["MetricDataResults"], 1):
            gauge = by_id[result["Id"]]
            values = found.setdefault(gauge, {})
            for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                values[at.astimezone(UTC)] = gauge.used(value)
            if number % _TURN == 0:
                await lowlevel.checkpoint()
    return {gauge: values for gauge, values in found.items() if values}

"""What the CloudWatch agent measures where: asked of CloudWatch, and remembered for an hour.

A query has to name every dimension, and which there are is up to the agent's
configuration on each instance. A few instances are asked about one by one,
many by reading the whole list.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial

from anyio import lowlevel
from cachetools import TLRUCache

from .actions import LIST_METRICS
from .gauges import AGENT_METRICS, Gauge, Gauges, chosen, of_instance
from .kit import Region
from .kit.concurrency import SingleFlight, together

FEW = 25
"""Up to so many instances are asked about one by one."""

_ACTIVE = "PT3H"
_PRESENT = 3600.0  # seconds for which the metrics of an agent are cached
_ABSENT = 600.0  # seconds after which an instance without an agent is asked about again
_TURN = 100
_NOTHING: Gauges = {}


class Discovery:
    """The agents of one region of one account."""

    def __init__(self, region: Region, namespace: str) -> None:
        self.region = region
        self._namespace = namespace
        self._in_flight: SingleFlight[str, None] = SingleFlight()
        self._known: TLRUCache[str, Gauges] = TLRUCache(math.inf, self._until, region.clock.time)

    async def of(self, ids: Sequence[str]) -> Mapping[str, Gauges]:
        """Return what the agent measures on each instance; nothing where there is no agent."""
        missing = [id_ for id_ in ids if self._known.get(id_) is None]
        if len(missing) > FEW:
            await self._in_flight.do("all", self._scan)
            async for id_ in _in_turns(missing):
                self._known.setdefault(id_, _NOTHING)
        else:
            await together(self._look, missing)
        return {id_: self._known.get(id_, _NOTHING) for id_ in ids}

    def _until(self, _: str, gauges: Gauges, now: float) -> float:
        """Return until when it is remembered."""
        return now + (_PRESENT if gauges else _ABSENT)

    async def _look(self, id: str) -> None:
        await self._in_flight.do(id, partial(self._look_now, id))

    async def _look_now(self, id: str) -> None:
        found = await self._listed(Dimensions=[{"Name": "InstanceId", "Value": id}])
        await self._learn(found, also=id)

    async def _scan(self) -> None:
        parts = await together(self._named, AGENT_METRICS)
        await self._learn([item for part in parts for item in part])

    async def _named(self, name: str) -> Sequence[tuple[str, Gauge]]:
        return await self._listed(MetricName=name)

    async def _listed(self, **which: object) -> Sequence[tuple[str, Gauge]]:
        pages = self.region.pages(
            LIST_METRICS,
            Namespace=self._namespace,
            RecentlyActive=_ACTIVE,
            **which,
        )
        listed = [of_instance(item) async for page in pages for item in page["Metrics"]]
        return [item for item in listed if item is not None]

    async def _learn(self, found: Sequence[tuple[str, Gauge]], also: str = "") -> None:
        gauges: dict[str, list[Gauge]] = {also: []} if also else {}
        for id_, gauge in found:
            gauges.setdefault(id_, []).append(gauge)
        async for id_ in _in_turns(list(gauges)):
            self._known[id_] = chosen(gauges[id_]) if gauges[id_] else _NOTHING


async def _in_turns(ids: Sequence[str]) -> AsyncIterator[str]:
    """Yield ids, and let other tasks run in between."""
    for number, id_ in enumerate(ids, 1):
        yield id_
        if number % _TURN == 0:
            await lowlevel.checkpoint()

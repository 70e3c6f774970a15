"""What the CloudWatch agent measures where: asked of CloudWatch, and remembered for an hour.

A query has to name every dimension, and which there are is up to the agent's
configuration on each instance. A few instances are asked about one by one,
many by reading the whole list.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial

from anyio import lowlevel

from .actions import LIST_METRICS
from .expiring import Expiring
from .gauges import AGENT_METRICS, Gauge, chosen, of_instance
from .kit import Region
from .kit.concurrency import SingleFlight, together

FEW = 25
"""Up to so many instances are asked about one by one."""

_ACTIVE = "PT3H"
_PRESENT = 3600.0  # seconds for which the metrics of an agent are cached
_ABSENT = 600.0  # seconds after which an instance without an agent is asked about again
_TURN = 100
_NOTHING: tuple[Gauge, ...] = ()


class Discovery:
    """The agents of one region of one account."""

    def __init__(self, region: Region, namespace: str) -> None:
        self.region = region
        self._namespace = namespace
        self._in_flight: SingleFlight[str, None] = SingleFlight()
        self._known: Expiring[str, tuple[Gauge, ...]] = Expiring(region.clock.time)
        self.platforms: set[str] = set()
        """Those of the instances that were asked about: Windows has other names for metrics."""

    async def of(self, ids: Sequence[str]) -> Mapping[str, Sequence[Gauge]]:
        """Return what the agent measures on each instance; nothing where there is no agent."""
        known = self._known.live(ids)
        missing = [id_ for id_ in ids if id_ not in known]
        if len(missing) > FEW:
            await self._in_flight.do("all", self._scan)
            without = set(missing) - self._known.live(missing).keys()
            self._known.put(dict.fromkeys(without, _NOTHING), _ABSENT)
        else:
            await together(self._look, missing)
        known = self._known.live(ids)
        return {id_: known.get(id_, _NOTHING) for id_ in ids}

    async def _look(self, id: str) -> None:
        await self._in_flight.do(id, partial(self._look_now, id))

    async def _look_now(self, id: str) -> None:
        found = await self._listed(Dimensions=[{"Name": "InstanceId", "Value": id}])
        await self._learn(found)
        if not found:
            self._known.put({id: _NOTHING}, _ABSENT)

    async def _scan(self) -> None:
        names = [name for each in sorted(self.platforms) for name in AGENT_METRICS[each]]
        parts = await together(self._named, names)
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

    async def _learn(self, found: Sequence[tuple[str, Gauge]]) -> None:
        """Choose the gauges of each instance; other tasks run meanwhile."""
        gauges: defaultdict[str, list[Gauge]] = defaultdict(list)
        for id_, gauge in found:
            gauges[id_].append(gauge)
        known = {}
        for number, (id_, own) in enumerate(gauges.items(), 1):
            known[id_] = chosen(own)
            if number % _TURN == 0:
                await lowlevel.checkpoint()
        self._known.put(known, _PRESENT)

"""Trends: the latest window compared with the one before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from smartops import Costs, Instance, Refusal
from smartops.backends import DayCost, Metric, Sample, failures_of

from .config import HealthConfig
from .judge import METRICS
from .measures import Measures

_WEEK = 7


@dataclass(frozen=True, slots=True)
class Trends:
    """Changes as text, such as ``+15%``, by their key in the reply; None if unknown.

    Those of usage are computed from ``sample`` of the ``running`` instances.
    ``notes`` say why something is unknown. ``billed`` is False if there is no Costs
    backend.
    """

    changes: Mapping[str, str | None]
    launched: str
    sample: int
    running: int
    notes: tuple[str, ...] = ()
    billed: bool = True


class Trending:
    """Computes trends at one time."""

    def __init__(
        self, config: HealthConfig, measures: Measures, costs: Costs | None, now: datetime
    ) -> None:
        self._config = config
        self._measures = measures
        self._costs = costs
        self._now = now

    async def of(self, instances: Sequence[Instance]) -> Trends:
        """Return the trends of instances; a trend whose backend fails is unknown, not an error."""
        running = [item for item in instances if item.state == "running"]
        sample = spread(running, self._config.trend_sample)
        notes: list[str] = []
        changes = {
            **{f"{key}_trend": text for key, text in (await self._usage(sample, notes)).items()},
            "cost_trend": await self._cost(notes),
        }
        return Trends(
            changes=changes,
            launched=f"{self._launches(instances):+d}",
            sample=len(sample),
            running=len(running),
            notes=tuple(notes),
            billed=self._costs is not None,
        )

    async def _usage(
        self, sample: Sequence[Instance], notes: list[str]
    ) -> dict[Metric, str | None]:
        middle = self._now - self._config.window
        found: dict[Metric, str | None] = dict.fromkeys(METRICS)
        for metric in METRICS if sample else ():
            try:
                series = await self._measures.series(metric, sample, middle - self._config.window)
            except Refusal as error:
                notes.append(f"Usage trends are unknown: {error.message}")
                break
            found[metric] = usage_change(series, middle)
        return found

    async def _cost(self, notes: list[str]) -> str | None:
        if self._costs is None:
            return None
        try:
            days = await self._costs.daily(2 * _WEEK)
        except Refusal as error:
            notes.append(f"The cost trend is unknown: {error.message}")
            return None
        notes += [f"The cost trend is without {failure}" for failure in failures_of(days)]
        currencies = sorted({day.currency for day in days})
        if len(currencies) > 1:
            billed = " and ".join(currencies)
            notes.append(f"The cost trend is unknown: bills in {billed} do not add up")
            return None
        return cost_change(days)

    def _launches(self, instances: Sequence[Instance]) -> int:
        since = self._now - self._config.launch_window
        return sum(1 for item in instances if item.launched is not None and item.launched >= since)


def usage_change(series: Mapping[str, Sequence[Sample]], middle: datetime) -> str | None:
    """Return the change from the average before ``middle`` to the average since then.

    Instances have equal weight, and only those measured in both times count; None
    if there is none.
    """
    before = after = 0.0
    for samples in series.values():
        early = [sample.value for sample in samples if sample.at < middle]
        late = [sample.value for sample in samples if sample.at >= middle]
        if early and late:
            before += sum(early) / len(early)
            after += sum(late) / len(late)
    return change(before, after)


def cost_change(days: Sequence[DayCost]) -> str | None:
    """Return the change from the previous seven days to the last seven; None for fewer days."""
    if len(days) < 2 * _WEEK:
        return None
    last, before = days[-_WEEK:], days[-2 * _WEEK : -_WEEK]
    return change(sum(day.amount for day in before), sum(day.amount for day in last))


def change(before: float, after: float) -> str | None:
    """Return the change as ``+15%``; None if ``before`` is zero."""
    if before <= 0:
        return None
    return f"{round((after - before) / before * 100):+d}%"


def spread(instances: Sequence[Instance], most: int) -> Sequence[Instance]:
    """Return at most ``most`` instances, evenly spaced and always the same ones."""
    if len(instances) <= most:
        return instances
    return [instances[index * len(instances) // most] for index in range(most)]

"""The tests that every Metrics must pass."""
# ruff: noqa: D102 - the name of a test says what it requires

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import ClassVar, get_args

import pytest

from smartops.backend import Instance, Metric, Metrics
from smartops.errors import ValidationFailed

from .base import Advance, Contract, Now

_METRICS: tuple[Metric, ...] = get_args(Metric)


class MetricsContract(Contract):
    """Measurements over time.

    ``since`` is for how long the machines have been running and measured.
    """

    since: ClassVar[timedelta] = timedelta(hours=6)
    period: ClassVar[timedelta] = timedelta(minutes=5)
    unmeasured_id: ClassVar[str] = "i-0ffffffffffffffff"

    @pytest.fixture
    def metrics(self) -> Metrics:
        """Return the backend under test."""
        raise NotImplementedError("override the fixture metrics")

    @pytest.fixture
    def measured(self) -> Sequence[Instance]:
        """Return running machines with all three metrics."""
        raise NotImplementedError("override the fixture measured")

    async def test_the_latest_usage_is_recent_and_in_percent(
        self, metrics: Metrics, measured: Sequence[Instance], now: Now
    ) -> None:
        usages = await metrics.latest([*measured, self._unmeasured(measured)])
        assert set(usages) == {item.id for item in measured}
        for usage in usages.values():
            for value in (usage.cpu, usage.memory, usage.disk):
                assert value is not None
                assert 0 <= value <= 100
            assert usage.at is not None
            assert timedelta(0) <= now() - usage.at <= timedelta(minutes=15)

    async def test_no_instances_have_no_measurements(self, metrics: Metrics, now: Now) -> None:
        start = now() - self.since
        assert await metrics.latest([]) == {}
        assert await metrics.series("cpu", [], since=start, period=self.period) == {}

    @pytest.mark.parametrize("metric", _METRICS)
    async def test_a_series_is_ordered_even_and_within_its_window(
        self,
        metrics: Metrics,
        measured: Sequence[Instance],
        now: Now,
        metric: Metric,
    ) -> None:
        start = now() - self.since
        asked = [*measured, self._unmeasured(measured)]
        found = await metrics.series(metric, asked, since=start, period=self.period)
        assert set(found) == {item.id for item in measured}
        for samples in found.values():
            wanted = self.since / self.period
            assert wanted * 0.8 <= len(samples) <= wanted + 1
            assert all(0 <= item.value <= 100 for item in samples)
            assert start - self.period < samples[0].at
            assert samples[-1].at <= now()
            for one, following in pairwise(samples):
                assert (following.at - one.at) % self.period == timedelta(0)
                assert following.at > one.at

    async def test_past_samples_do_not_change(
        self,
        metrics: Metrics,
        measured: Sequence[Instance],
        now: Now,
        advance: Advance,
    ) -> None:
        start = now() - self.since
        before = await metrics.series("cpu", measured, since=start, period=self.period)
        over = now() - self.period
        await advance(2 * self.step)
        after = await metrics.series("cpu", measured, since=start, period=self.period)
        for id_ in (item.id for item in measured):
            known = {item.at: item.value for item in after[id_]}
            past = [item for item in before[id_] if item.at + self.period <= over]
            assert past
            assert all(known[item.at] == item.value for item in past)

    async def test_a_longer_period_has_fewer_points(
        self, metrics: Metrics, measured: Sequence[Instance], now: Now
    ) -> None:
        start = now() - self.since
        fine = await metrics.series("cpu", measured, since=start, period=self.period)
        coarse = await metrics.series("cpu", measured, since=start, period=12 * self.period)
        for id_ in (item.id for item in measured):
            assert 0 < len(coarse[id_]) <= len(fine[id_]) / 12 + 2

    def _unmeasured(self, measured: Sequence[Instance]) -> Instance:
        return replace(measured[0], id=self.unmeasured_id, name="", private_ip="", public_ip="")

    async def test_a_period_of_zero_is_refused(
        self, metrics: Metrics, measured: Sequence[Instance], now: Now
    ) -> None:
        with pytest.raises(ValidationFailed):
            await metrics.series("cpu", measured, since=now() - self.since, period=timedelta(0))

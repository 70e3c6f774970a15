"""A group passes the contract tests of a single backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from smartops import Instance
from smartops.backends import Query
from smartops.fleet import ComputeGroup, CostsGroup, MetricsGroup, RunnerGroup
from smartops.testing import ManualClock
from smartops.testing.backends import (
    ComputeContract,
    CostsContract,
    MetricsContract,
    OnManualClock,
    RunnerContract,
)
from smartops_fake.backend import Fake

Clouds = Callable[..., list[Fake]]


class TestCompute(OnManualClock, ComputeContract):
    @pytest.fixture
    def compute(self, clouds: Clouds, clock: ManualClock) -> ComputeGroup:
        return ComputeGroup(clouds(), clock)


class TestRunner(OnManualClock, RunnerContract):
    sends_once = True

    @pytest.fixture
    def clouds(self, fake: Callable[..., Fake]) -> list[Fake]:
        quiet = {"name": "quiet-01", "agent": "offline"}
        return [fake("a", fleet=[{"name": "web-01"}]), fake("b", fleet=[{"name": "web-02"}, quiet])]

    @pytest.fixture
    def runner(self, clouds: list[Fake], clock: ManualClock) -> RunnerGroup:
        return RunnerGroup(clouds, clock)

    @pytest.fixture
    async def named(self, clouds: list[Fake], clock: ManualClock) -> dict[str, Instance]:
        page = await ComputeGroup(clouds, clock).list(Query())
        return {item.name: item for item in page.instances}

    @pytest.fixture
    def targets(self, named: dict[str, Instance]) -> Sequence[Instance]:
        return [named["web-01"], named["web-02"]]

    @pytest.fixture
    def unreachable(self, named: dict[str, Instance]) -> Instance:
        return named["quiet-01"]


class TestMetrics(OnManualClock, MetricsContract):
    @pytest.fixture
    def both(self, clouds: Clouds) -> list[Fake]:
        return clouds()

    @pytest.fixture
    def metrics(self, both: list[Fake], clock: ManualClock) -> MetricsGroup:
        return MetricsGroup(both, clock)

    @pytest.fixture
    async def measured(self, both: list[Fake], clock: ManualClock) -> Sequence[Instance]:
        return (await ComputeGroup(both, clock).list(Query(states=("running",)))).instances


class TestCosts(OnManualClock, CostsContract):
    @pytest.fixture
    def costs(self, clouds: Clouds, clock: ManualClock) -> CostsGroup:
        return CostsGroup(clouds(), clock)

"""The fake cloud passes the contract tests of backends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import pytest

from smartops import Instance
from smartops.backends import Query
from smartops.testing.backends import (
    ComputeContract,
    CostsContract,
    MetricsContract,
    OnManualClock,
    RunnerContract,
)
from smartops_fake.backend import Fake

FLEET = [{"name": f"web-{number}", "tags": {"Role": "web"}} for number in range(3)]
FLEET.append({"name": "off", "state": "stopped", "tags": {"Role": "web"}})
CROWD = {"fleet": [], "instances": 30}


class TestCompute(OnManualClock, ComputeContract):
    @pytest.fixture
    def compute(self, make: Callable[..., Fake]) -> Fake:
        sick = {"name": "sick-01", "tags": {"Role": "web"}, "failed_checks": ["system"]}
        return make(fleet=[*FLEET, sick])

    @pytest.fixture
    def impaired(self) -> str:
        return "sick-01"


class TestRunner(OnManualClock, RunnerContract):
    sends_once = True

    @pytest.fixture
    def runner(self, make: Callable[..., Fake]) -> Fake:
        quiet = {"name": "quiet-01", "agent": "offline"}
        return make(fleet=[{"name": "web-01"}, {"name": "web-02"}, quiet])

    @pytest.fixture
    async def targets(
        self, runner: Fake, named: Callable[[Fake, str], Awaitable[Instance]]
    ) -> Sequence[Instance]:
        return [await named(runner, "web-02"), await named(runner, "web-01")]

    @pytest.fixture
    async def unreachable(
        self, runner: Fake, named: Callable[[Fake, str], Awaitable[Instance]]
    ) -> Instance:
        return await named(runner, "quiet-01")


class TestMetrics(OnManualClock, MetricsContract):
    @pytest.fixture
    def metrics(self, make: Callable[..., Fake]) -> Fake:
        return make(**CROWD)

    @pytest.fixture
    async def measured(self, metrics: Fake) -> Sequence[Instance]:
        page = await metrics.list(Query(states=("running",)))
        return page.instances


class TestCosts(OnManualClock, CostsContract):
    @pytest.fixture
    def costs(self, make: Callable[..., Fake]) -> Fake:
        return make(**CROWD)

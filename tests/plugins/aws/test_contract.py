"""The contracts of all capabilities, over HTTP against the simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from smartops import Instance
from smartops.backends import Query
from smartops.testing import ManualClock
from smartops.testing.backends import (
    ComputeContract,
    CostsContract,
    MetricsContract,
    OnManualClock,
    RunnerContract,
)
from smartops_simulators.aws import AwsSimulator

REGION = "eu-central-1"
SCENARIO = {
    "accounts": {
        "123456789012": {
            "regions": {
                REGION: {
                    "instances": [
                        {"name": "db-01", "protected": True, "tags": {"Role": "database"}},
                        {
                            "name": "sick-01",
                            "tags": {"Role": "web"},
                            "failed_checks": ["instance"],
                        },
                        {"name": "web-01", "tags": {"Role": "web"}, "public_ip": "54.1.2.3"},
                        {"name": "web-02", "tags": {"Role": "web"}, "type": "m5.large"},
                        {"name": "web-03", "tags": {"Role": "web", "Team": "shop"}},
                        {"name": "old-01", "state": "stopped", "tags": {"Role": "web"}},
                        {"name": "quiet-01", "agent": "lost", "tags": {"Role": "batch"}},
                    ]
                }
            }
        }
    },
    "outputs": [
        {"script": "^sleep 250$", "takes": "250s"},
        {"script": "^seq 1 100000$", "stdout": "".join(f"{n}\n" for n in range(1, 8000))},
    ],
}


class OnSimulator(OnManualClock):
    @pytest.fixture
    async def simulator(self, clock: ManualClock) -> AsyncIterator[AwsSimulator]:
        with AwsSimulator(SCENARIO, clock=clock) as simulator:
            yield simulator

    @pytest.fixture
    def backends(
        self, found: Callable[..., list[Any]], clock: ManualClock, simulator: AwsSimulator
    ) -> list[Any]:
        return found(clock, endpoint=simulator.url)


async def named(backend: Any, *names: str) -> Sequence[Instance]:
    page = await backend.list(Query(names=names))
    by_name = {item.name: item for item in page.instances}
    return [by_name[name] for name in names]


class TestCompute(OnSimulator, ComputeContract):
    @pytest.fixture
    def impaired(self) -> str:
        return "sick-01"

    @pytest.fixture
    def compute(self, backends: list[Any]) -> Any:
        return backends[0]


class TestRunner(OnSimulator, RunnerContract):
    sends_once = True

    @pytest.fixture
    def runner(self, backends: list[Any]) -> Any:
        return backends[0]

    @pytest.fixture
    async def targets(self, runner: Any) -> Sequence[Instance]:
        return await named(runner, "web-02", "web-01")

    @pytest.fixture
    async def unreachable(self, runner: Any) -> Instance:
        (quiet,) = await named(runner, "quiet-01")
        return quiet


class TestMetrics(OnSimulator, MetricsContract):
    @pytest.fixture
    def metrics(self, backends: list[Any]) -> Any:
        return backends[0]

    @pytest.fixture
    async def measured(self, metrics: Any) -> Sequence[Instance]:
        return (await metrics.list(Query(states=("running",)))).instances


class TestCosts(OnSimulator, CostsContract):
    unbilled = 1

    @pytest.fixture
    def costs(self, backends: list[Any]) -> Any:
        return backends[1]

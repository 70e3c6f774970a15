"""Two accounts of the fake cloud on a manual clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from smartops.testing import ManualClock
from smartops_fake.backend import Fake
from smartops_fake.config import FakeConfig

pytest.register_assert_rewrite("smartops.testing.backends")

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
EU, US = "prod/eu-central-1", "prod/us-east-1"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON.timestamp())


@pytest.fixture
def fake(clock: ManualClock) -> Callable[..., Fake]:
    """Return a function that creates a cloud; its name is the seed, so that ids are unique."""

    def make(name: str, **section: Any) -> Fake:
        return Fake.of(FakeConfig(name=name, seed=name, **section), clock)

    return make


@pytest.fixture
def clouds(fake: Callable[..., Fake]) -> Callable[..., list[Fake]]:
    """Return a function that creates two clouds of 15 instances, with faults for each."""

    def make(eu: Any = (), us: Any = (), instances: int = 15) -> list[Fake]:
        return [
            fake(EU, instances=instances, faults=eu),
            fake(US, instances=instances, faults=us),
        ]

    return make

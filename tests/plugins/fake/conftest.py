"""Fake clouds on a manual clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from smartops import Instance
from smartops.backends import Query
from smartops.testing import ManualClock
from smartops_fake.backend import Fake
from smartops_fake.config import FakeConfig

pytest.register_assert_rewrite("smartops.testing.backends")

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

FLEET = [
    {
        "id": "i-0abc123def",
        "name": "web-server-01",
        "private_ip": "10.0.1.45",
        "public_ip": "54.123.45.67",
        "age": "90d",
        "tags": {"Environment": "production", "Role": "web"},
    },
    {"name": "web-server-02", "tags": {"Environment": "production", "Role": "web"}},
    {"name": "batch-01", "type": "c5.xlarge", "tags": {"Environment": "production"}},
    {"name": "db-01", "type": "r5.large", "protected": True, "tags": {"Role": "database"}},
    {"name": "old-01", "state": "stopped", "tags": {"Environment": "staging"}},
    {"name": "gone-01", "state": "terminated"},
    {"name": "ad-01", "platform": "windows", "tags": {"Role": "directory"}},
]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON.timestamp())


@pytest.fixture
def make(clock: ManualClock) -> Callable[..., Fake]:
    """Create a fake cloud from its configuration section, with a default fleet."""

    def cloud(**section: Any) -> Fake:
        return Fake.of(FakeConfig.model_validate({"fleet": FLEET, **section}), clock)

    return cloud


@pytest.fixture
def cloud(make: Callable[..., Fake]) -> Fake:
    return make()


@pytest.fixture
def named() -> Callable[[Fake, str], Awaitable[Instance]]:
    """Return the instance with a name."""

    async def find(cloud: Fake, name: str) -> Instance:
        (instance,) = (await cloud.list(Query(names=(name,)))).instances
        return instance

    return find

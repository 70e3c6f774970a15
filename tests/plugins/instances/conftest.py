"""A made-up cloud without measurements, and measurements that a test gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

import smartops_instances
from smartops import Instance, Metrics
from smartops.backends import Metric, Sample, Usage
from smartops.testing import Bot
from smartops_fake.backend import FakeCompute
from smartops_fake.cloud import Cloud
from smartops_fake.config import FakeConfig


class Gauges(Metrics):
    """The latest usage by name; ``asked`` are the names in each request."""

    name = "gauges"

    def __init__(self, usage: Mapping[str, Usage]) -> None:
        self.usage = usage
        self.asked: list[list[str]] = []

    async def ping(self) -> None: ...

    async def latest(self, instances: Sequence[Instance]) -> Mapping[str, Usage]:
        self.asked.append([item.name for item in instances])
        return {item.id: self.usage[item.name] for item in instances if item.name in self.usage}

    async def series(
        self, metric: Metric, instances: Sequence[Instance], *, since: datetime, period: timedelta
    ) -> Mapping[str, tuple[Sample, ...]]:
        raise AssertionError("a listing needs no series")


@pytest.fixture
def load(bot: Bot) -> Callable[..., Bot]:
    """Load instances, and gauges if given; the plugin's settings are keywords."""

    def load(*fleet: dict[str, Any], gauges: Gauges | None = None, **settings: Any) -> Bot:
        cloud = Cloud(FakeConfig.model_validate({"fleet": fleet}), bot.clock)
        bot.add(FakeCompute(cloud), *([gauges] if gauges else []))
        bot.load(smartops_instances, **{"follow": "0s", **settings})
        return bot

    return load


@pytest.fixture
def gauges() -> type[Gauges]:
    return Gauges

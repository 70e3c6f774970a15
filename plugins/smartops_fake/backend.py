"""The fake cloud as one backend."""

from __future__ import annotations

from smartops import Clock

from .compute import FakeCompute
from .config import FakeConfig
from .costs import FakeCosts
from .metrics import FakeMetrics
from .runner import FakeRunner
from .world import World


class Fake(FakeCompute, FakeRunner, FakeMetrics, FakeCosts):
    """A believable cloud in memory, with all four capabilities over one world."""

    @classmethod
    def of(cls, config: FakeConfig, clock: Clock) -> Fake:
        """Found the cloud; raises ValueError if the configuration or the journal makes none."""
        return cls(World(config, clock))

"""A request that was understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .identity import Caller
from .machines import Instance
from .rules import Rules
from .world import Cloud, World


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was let in: who wants what, with which parameters, and where."""

    cloud: Cloud
    world: World
    caller: Caller
    service: str
    operation: str
    params: Mapping[str, Any]
    now: float
    rules: Rules

    def refuses(self, action: str, instance: Instance) -> bool:
        """Whether an IAM action on an instance is denied."""
        arn = self.world.arn(instance.id)
        return self.rules.refusal(self.world, action, arn, instance) is not None

    @property
    def moment(self) -> datetime:
        """The time, as a datetime."""
        return datetime.fromtimestamp(self.now, UTC)

"""A request that was understood."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .identity import Caller
from .machines import Instance
from .world import Cloud, World


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was let in: who wants what, with which parameters, and where.

    ``refuses`` says whether an IAM action on an instance is denied.
    """

    cloud: Cloud
    world: World
    caller: Caller
    service: str
    operation: str
    params: Mapping[str, Any]
    now: float
    refuses: Callable[[str, Instance], bool]

    @property
    def moment(self) -> datetime:
        """The time, as a datetime."""
        return datetime.fromtimestamp(self.now, UTC)

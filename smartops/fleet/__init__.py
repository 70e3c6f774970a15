"""A fleet: several backends of one capability, presented to commands as one.

A company has accounts and regions, each a backend of its own. Commands are
given all of them as one: they are asked concurrently, and a reply names those
that did not answer. An instance is changed by the backend it came from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from smartops.backend import Backend, Compute, Costs, Metrics, Runner
from smartops.services import Clock

from .compute import ComputeGroup
from .group import Group
from .measuring import CostsGroup, MetricsGroup
from .runner import RunnerGroup

_KINDS: tuple[type[Backend], ...] = (Compute, Runner, Metrics, Costs)
_GROUPS: tuple[Callable[[Sequence[Any], Clock], Backend], ...] = (
    ComputeGroup,
    RunnerGroup,
    MetricsGroup,
    CostsGroup,
)


def capabilities(backends: Sequence[Backend], clock: Clock) -> Mapping[type[Backend], Backend]:
    """Return the object that commands are given for each capability that some backend offers.

    A single backend is given itself, several as a group.
    """
    filled: dict[type[Backend], Backend] = {}
    for kind, group in zip(_KINDS, _GROUPS, strict=True):
        able = [backend for backend in backends if isinstance(backend, kind)]
        if len(able) == 1:
            filled[kind] = able[0]
        elif able:
            filled[kind] = group(able, clock)
    return filled


__all__ = ["ComputeGroup", "CostsGroup", "Group", "MetricsGroup", "RunnerGroup", "capabilities"]

"""A fleet: several backends of one capability, presented to commands as one.

A company has accounts and regions, each a backend of its own. Commands are
given all of them as one: they are asked concurrently, and a reply names those
that did not answer. An instance is changed by the backend it came from.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from smartops.backend import Backend, Compute, Costs, Metrics, Runner
from smartops.contained import Caught
from smartops.errors import Problem
from smartops.services import Clock

from .compute import ComputeGroup
from .generic import group_class
from .group import Group
from .measuring import CostsGroup, MetricsGroup
from .runner import RunnerGroup

log = logging.getLogger("smartops.fleet")

Join = Callable[[Sequence[Any], Clock], Backend]

_GROUPS: Mapping[type, Join] = {
    Compute: ComputeGroup,
    Runner: RunnerGroup,
    Metrics: MetricsGroup,
    Costs: CostsGroup,
}


def capabilities(
    backends: Sequence[Backend],
    kinds: Iterable[type],
    clock: Clock,
    problems: list[Problem],
) -> Mapping[type, Backend]:
    """Return the object that commands are given for each capability that some backend offers.

    A single backend is given itself, several as a group. Why some cannot be
    grouped is added to ``problems``.
    """
    filled: dict[type, Backend] = {}
    for kind in sorted(kinds, key=lambda kind: kind.__name__):
        able = [backend for backend in backends if isinstance(backend, kind)]
        if able:
            filled[kind] = able[0]
        if len(able) > 1:
            with Caught(log, "the backends of %s cannot be joined", kind.__name__) as caught:
                filled[kind] = _joined(kind, able, clock)
            if caught.error is not None:
                problems.append(_not_joined(kind, able, caught.error))
    return filled


def _joined(kind: type, backends: Sequence[Backend], clock: Clock) -> Any:
    join: Join | None = getattr(kind, "join", None) or _GROUPS.get(kind)
    found = (join or group_class(kind))(backends, clock)
    if not isinstance(found, kind):
        raise TypeError(f"join returned {type(found).__name__}, which is no {kind.__name__}")
    return found


def _not_joined(kind: type, backends: Sequence[Backend], error: object) -> Problem:
    names = " and ".join(backend.name for backend in backends)
    return Problem(
        f"the backends {names} cannot be joined: {error}",
        where=f"capability {kind.__name__}",
        hint=f"define a classmethod join(backends, clock) in {kind.__name__}",
    )


__all__ = ["ComputeGroup", "CostsGroup", "Group", "MetricsGroup", "RunnerGroup", "capabilities"]

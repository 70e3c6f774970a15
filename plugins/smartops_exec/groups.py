"""Targets that said the same, told once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smartops import Instance
from smartops.backends import RunResult

_WORST_FIRST = ("unreachable", "timed-out", "cancelled", "failed", "success")


@dataclass(frozen=True, slots=True)
class Group:
    """Targets with the same outcome and output; ``result`` is that of the first."""

    labels: tuple[str, ...]
    result: RunResult


def grouped(targets: Sequence[Instance], results: Sequence[RunResult]) -> list[Group]:
    """Return the groups, failures first and then the larger ones."""
    found: dict[tuple[object, ...], list[tuple[Instance, RunResult]]] = {}
    for target, result in zip(targets, results, strict=True):
        said = (result.status, result.exit_code, result.output, result.errors, result.truncated)
        found.setdefault(said, []).append((target, result))
    groups = [
        Group(tuple(target.label for target, _ in members), members[0][1])
        for members in found.values()
    ]
    return sorted(groups, key=_badness)


def _badness(group: Group) -> tuple[int, int]:
    status = group.result.status
    rank = _WORST_FIRST.index(status) if status in _WORST_FIRST else 0
    return rank, -len(group.labels)

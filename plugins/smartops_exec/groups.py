"""Grouping targets with the same output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smartops import Instance
from smartops.backends import RunResult

_WORST_FIRST = ("unreachable", "timed-out", "cancelled", "failed", "success")


@dataclass(frozen=True, slots=True)
class OutputGroup:
    """Targets with the same outcome and output; ``result`` is the first target's."""

    labels: tuple[str, ...]
    result: RunResult


def grouped(targets: Sequence[Instance], results: Sequence[RunResult]) -> list[OutputGroup]:
    """Return the groups, failures first, and larger groups first."""
    found: dict[tuple[object, ...], list[tuple[Instance, RunResult]]] = {}
    for target, result in zip(targets, results, strict=True):
        outcome = (result.status, result.exit_code, result.output, result.errors, result.truncated)
        found.setdefault(outcome, []).append((target, result))
    groups = [
        OutputGroup(tuple(target.label for target, _ in members), members[0][1])
        for members in found.values()
    ]
    return sorted(groups, key=_badness)


def _badness(group: OutputGroup) -> tuple[int, int]:
    status = group.result.status
    rank = _WORST_FIRST.index(status) if status in _WORST_FIRST else 0
    return rank, -len(group.labels)

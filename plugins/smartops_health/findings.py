"""Findings, of which a bounded number is retained, worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from smartops import Instance, Severity

RANK: Mapping[Severity, int] = {Severity.CRITICAL: 0, Severity.WARNING: 1}


@dataclass(frozen=True, slots=True)
class Finding:
    """One issue of one instance. ``weight`` orders findings of equal severity."""

    instance: Instance
    severity: Severity
    issue: str
    details: str
    recommendation: str
    weight: float = 0.0

    @property
    def order(self) -> tuple[int, float, str, str, str]:
        """The sort key: worst first, and deterministic."""
        return (
            RANK[self.severity],
            -self.weight,
            self.instance.label,
            self.instance.id,
            self.issue,
        )


@dataclass(slots=True)
class Findings:
    """Collects findings: retains the ``most`` worst ones and counts all."""

    most: int
    total: int = 0
    worst: dict[str, Severity] = field(default_factory=dict)
    _retained: list[Finding] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        """Add a finding."""
        self.total += 1
        key = finding.instance.id
        before = self.worst.get(key)
        if before is None or RANK[finding.severity] < RANK[before]:
            self.worst[key] = finding.severity
        self._retained.append(finding)
        if len(self._retained) >= 2 * self.most:
            self._shrink()

    def worst_first(self) -> list[Finding]:
        """Return the worst findings, at most ``most`` of them."""
        self._shrink()
        return list(self._retained)

    def counts(self) -> Counter[Severity]:
        """Return the number of instances by their worst severity."""
        return Counter(self.worst.values())

    def _shrink(self) -> None:
        self._retained.sort(key=lambda finding: finding.order)
        del self._retained[self.most :]

"""Commands of SSM, and what becomes of them on each node as time passes."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from .machines import Instance
from .scenario import Timing

ENDED = ("Success", "Failed", "TimedOut", "Cancelled")
_STATUS = {
    "Success": "Success",
    "DeliveryTimedOut": "TimedOut",
    "ExecutionTimedOut": "TimedOut",
    "Cancelled": "Cancelled",
}
"""The status to each of the details; whatever is not here has failed."""

_FIRST = ("Cancelling", "InProgress", "Pending", "Cancelled")
"""What the whole is called as long as it is true of one node."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a script does on a node; ``details`` is what SSM calls it."""

    details: str
    code: int = 0
    stdout: str = ""
    stderr: str = ""
    takes: float = 0.0


@dataclass(slots=True)
class Invocation:
    """A command on one node. Times are in seconds since the epoch; ``starts`` inf: it never did."""

    instance: Instance
    starts: float
    ends: float
    outcome: Outcome
    cancelled: float = inf
    cancels_for: float = 0.0

    def details(self, now: float) -> str:
        """Return the detailed status at a moment."""
        if now >= self.cancelled and self.cancelled < self.ends:
            running = self.cancelled >= self.starts
            still = running and now < self.cancelled + self.cancels_for
            return "Cancelling" if still else "Cancelled"
        if now >= self.ends:
            return self.outcome.details
        return "InProgress" if now >= self.starts else "Pending"

    def status(self, now: float) -> str:
        """Return the status at a moment."""
        details = self.details(now)
        if details in ("Pending", "InProgress", "Cancelling"):
            return details
        return _STATUS.get(details, "Failed")

    def ran(self, now: float) -> bool:
        """Whether there is an exit code."""
        return self.details(now) == self.outcome.details and self.starts < inf

    @property
    def finished(self) -> float:
        """When it is over."""
        if self.cancelled < self.ends:
            return self.cancelled + (self.cancels_for if self.cancelled >= self.starts else 0.0)
        return self.ends


@dataclass(slots=True)
class Command:
    """A command that was sent."""

    id: str
    document: str
    requested: float
    visible: float
    settings: Mapping[str, Any]
    timeout: int
    max_errors: int
    invocations: dict[str, Invocation] = field(default_factory=dict)

    def details(self, now: float) -> str:
        """Return the detailed status of the whole at a moment."""
        if not self.invocations:
            return "NoInstancesInTag"
        found = [each.details(now) for each in self.invocations.values()]
        if "Pending" in found and set(found) != {"Pending"}:
            return "InProgress"
        first = next((each for each in _FIRST if each in found), None)
        return first or self._total([each for each in found if each != "Success"])

    def _total(self, wrong: Sequence[str]) -> str:
        if not wrong:
            return "Success"
        if len(wrong) <= self.max_errors:
            return "Incomplete"
        return wrong[0] if set(wrong) <= {"DeliveryTimedOut", "ExecutionTimedOut"} else "Failed"

    def status(self, now: float) -> str:
        """Return the status of the whole: one that SSM tolerated errors of is a success."""
        details = self.details(now)
        if details in ("Pending", "InProgress", "Cancelling"):
            return details
        return "Success" if details == "Incomplete" else _STATUS.get(details, "Failed")

    def cancel(self, ids: Sequence[str], now: float, lasts: float) -> None:
        """Cancel what has not ended, on the nodes named or on all."""
        for name, each in self.invocations.items():
            if (not ids or name in ids) and now < each.ends and each.cancelled == inf:
                each.cancelled, each.cancels_for = now, lasts


def schedule(
    command: Command,
    nodes: Sequence[tuple[Instance, Outcome]],
    most: int,
    timing: Timing,
) -> None:
    """Give each node its times: one node first, then twice as many, and so on.

    After more errors than the command tolerates no further node begins.
    """
    running: list[tuple[float, bool]] = []
    done = errors = 0
    now = command.requested
    for instance, outcome in nodes:
        while running and (running[0][0] <= now or len(running) >= min(most, done + 1)):
            ends, failed = heapq.heappop(running)
            now = max(now, ends)
            done += 1
            errors += failed
        if errors > command.max_errors:
            outcome = Outcome("Terminated", -1)  # noqa: PLW2901 - it never gets to it
        made = _placed(command, instance, outcome, now, timing)
        command.invocations[instance.id] = made
        if made.starts < inf:
            heapq.heappush(running, (made.ends, outcome.details != "Success"))


def _placed(
    command: Command, instance: Instance, outcome: Outcome, now: float, timing: Timing
) -> Invocation:
    if outcome.details not in ("Success", "Failed", "ExecutionTimedOut"):
        return Invocation(instance, inf, now, outcome)
    starts = max(now, instance.awake) + timing.deliver.total_seconds()
    latest = command.requested + command.timeout
    if instance.agent != "online" or starts > latest:
        return Invocation(instance, inf, latest, Outcome("DeliveryTimedOut", -1))
    return Invocation(instance, starts, starts + outcome.takes, outcome)

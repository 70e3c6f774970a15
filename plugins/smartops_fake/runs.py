"""Runs of scripts: what was sent, when, to whom. How they stand is computed when asked."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from smartops import RunResult

from .machine import Machine
from .noise import between

_KEPT = 5000
_DELIVERY = 0xDE11


@dataclass(slots=True, eq=False)
class Run:
    """A script sent to machines at one moment. ``limit`` is in seconds.

    ``ended`` holds the results that nothing can change any more.
    """

    id: str
    key: str
    script: str
    ids: tuple[str, ...]
    at: float
    limit: float
    cancelled: float | None = None
    ended: dict[str, RunResult] = field(default_factory=dict)

    def begins(self, machine: Machine) -> float:
        """Return when the script arrives at a machine."""
        return self.at + between(machine.salt ^ _DELIVERY, int(self.at * 1000), 0.2, 0.9)


class Runs:
    """The newest runs, by id and by the key of the act that sent them."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._keys: dict[str, str] = {}

    def add(self, run: Run) -> None:
        """Keep a run, and forget the oldest when there are too many."""
        self._runs[run.id] = run
        if run.key:
            self._keys[run.key] = run.id
        if len(self._runs) > _KEPT:
            _, oldest = self._runs.popitem(last=False)
            if self._keys.get(oldest.key) == oldest.id:
                del self._keys[oldest.key]

    def get(self, run_id: str) -> Run | None:
        """Return a run, or None if it is unknown or forgotten."""
        return self._runs.get(run_id)

    def sent_by(self, key: str) -> Run | None:
        """Return the run that an act has sent already."""
        return self._runs.get(self._keys.get(key, ""))

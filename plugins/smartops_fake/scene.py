"""A machine at the moment a script runs on it, and what the script makes of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from smartops import Metric

from .catalogue import Shape, shape_of
from .machine import Machine
from .noise import between
from .signals import level


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a script does if nothing comes in between; ``seconds`` is how long it runs."""

    output: str = ""
    errors: str = ""
    exit_code: int = 0
    seconds: float = 0.2


@dataclass(frozen=True, slots=True)
class Scene:
    """A machine at the moment a script runs on it; ``given`` holds the script's arguments."""

    machine: Machine
    at: float
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        """The moment, in UTC, which is the zone of every machine."""
        return datetime.fromtimestamp(self.at, UTC)

    @property
    def shape(self) -> Shape:
        """What the machine is made of."""
        return shape_of(self.machine.type)

    @property
    def host(self) -> str:
        """What the machine calls itself."""
        return self.machine.name or f"ip-{self.machine.private_ip.replace('.', '-')}"

    @property
    def uptime(self) -> int:
        """Whole seconds since it was booted."""
        return max(0, int(self.at - self.machine.up_since(self.at)))

    def used(self, metric: Metric) -> float:
        """Return the share of a resource in use, from 0 to 1, as the metrics tell it."""
        return level(self.machine, metric, self.at) / 100.0

    def drawn(self, tick: int, low: float, high: float) -> float:
        """Return a number that is this machine's own."""
        return between(self.machine.salt ^ 0x5CE, tick, low, high)


Answer = Callable[[Scene], Outcome]
Builtin = tuple[re.Pattern[str], Answer]


def builtin(pattern: str, make: Answer) -> Builtin:
    """Return an answer for scripts that match the whole pattern, in any case."""
    return re.compile(pattern, re.IGNORECASE), make


def answer(builtins: Sequence[Builtin], machine: Machine, at: float, script: str) -> Outcome | None:
    """Return what the first answer that knows the script makes of it, or None."""
    for pattern, make in builtins:
        match = pattern.fullmatch(script)
        if match is not None:
            return make(Scene(machine, at, match.groupdict("")))
    return None

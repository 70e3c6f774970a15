"""A machine: an instance from the inside, with its past and what is about to happen to it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Literal

from smartops import Instance, Metric, State, Usage

from .catalogue import Role

AGENT_DELAY = 4.0
"""Seconds from running until the agent answers."""

_KEPT = 200
_NOTHING: Mapping[str, str] = MappingProxyType({})
_ALWAYS = {
    "linux": ("sshd", "cron", "amazon-ssm-agent"),
    "windows": ("EventLog", "W32Time", "AmazonSSMAgent"),
}


@dataclass(frozen=True, slots=True)
class Incident:
    """A metric off its usual course, in absolute time."""

    metric: Metric
    value: float
    start: float
    end: float
    ramp: float
    cured_by_restart: bool


@dataclass(frozen=True, slots=True)
class ServiceEvent:
    """A service that changes its state at a moment."""

    at: float
    service: str
    state: str


@dataclass(frozen=True, slots=True)
class Usual:
    """The level that a machine's metrics keep to, where the configuration sets it."""

    cpu: float | None = None
    memory: float | None = None
    disk: float | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """The usual course of a machine's metrics: levels in percent, moments in seconds.

    The day adds ``swing`` to ``cpu`` at its ``peak``; the disk fills from
    ``disk`` for a week and is then ``cleaned``. The salts seed their chance.
    """

    cpu: float
    swing: float
    peak: float
    memory: float
    disk: float
    cleaned: float
    salts: Mapping[Metric, tuple[int, int]]


@dataclass(slots=True, eq=False)
class Machine:
    """An instance and its life.

    ``history`` holds ``(since, state)``, oldest first, changes that are already
    under way included; its first moment is the launch. ``state`` is where the
    world has brought it to so far. ``restarts`` holds the spans in which the
    system was down or its agent not yet up. ``role`` is what it was founded for,
    whatever its tags become. An ``elastic`` address stays while it is stopped.
    ``salt`` seeds all its chance. ``measured`` is the last whole minute that
    was asked about, and its averages.
    """

    id: str
    name: str
    type: str
    platform: Literal["linux", "windows"]
    private_ip: str
    public_ip: str
    tags: dict[str, str]
    role: Role
    salt: int
    history: tuple[tuple[float, State], ...]
    state: State
    elastic: bool = False
    protected: bool = False
    agent: Literal["online", "offline", "missing"] = "online"
    measures: tuple[Metric, ...] = ("cpu", "memory", "disk")
    usual: Usual = Usual()
    services: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    incidents: tuple[Incident, ...] = ()
    restarts: tuple[tuple[float, float], ...] = ()
    service_events: tuple[ServiceEvent, ...] = ()
    profile: Profile | None = None
    backend: str = ""
    measured: tuple[float, Usage | None] = (0.0, None)
    _view: Instance | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Where it stands in a listing."""
        return (self.name, self.id)

    @property
    def launched(self) -> float:
        """When it was last started, in seconds since the epoch, as EC2's LaunchTime says it."""
        starts = (at for at, state in reversed(self.history) if state == "pending")
        return next(starts, self.history[0][0])

    def view(self) -> Instance:
        """Return it as others see it; the same object until something changes."""
        if self._view is None:
            self._view = Instance(
                id=self.id,
                name=self.name,
                type=self.type,
                state=self.state,
                platform=self.platform,
                private_ip=self.private_ip,
                public_ip=self.public_ip,
                tags=self.tags,
                launched=datetime.fromtimestamp(int(self.launched), UTC),
                backend=self.backend,
            )
        return self._view

    def touch(self) -> None:
        """Forget what others saw: something has changed."""
        self._view = None

    def note(self, at: float, state: State) -> None:
        """Note that it is in ``state`` from a moment on."""
        self.history = (*self.history[:1], *self.history[1:][-_KEPT:], (at, state))

    def restart(self, down: float, up: float) -> None:
        """Note that its system is down, or its agent not up, for a span."""
        self.restarts = (*self.restarts[-_KEPT:], (down, up))

    def state_at(self, at: float) -> State | None:
        """Return its state at a moment, None before its launch."""
        if at >= self.history[-1][0]:
            return self.history[-1][1]
        index = bisect_right(self.history, at, key=lambda change: change[0]) - 1
        return self.history[index][1] if index >= 0 else None

    def runs_at(self, at: float) -> bool:
        """Say whether it was running at a moment."""
        return self.state_at(at) == "running"

    def answers_at(self, at: float) -> bool:
        """Say whether its agent answers at a moment."""
        if self.agent != "online" or not self.runs_at(at):
            return False
        return not any(down <= at < up for down, up in self.restarts)

    def lost_between(self, start: float, end: float) -> float | None:
        """Return the first moment of a span at which its agent is lost, or None."""
        moments = [at for at, state in self.history if start < at <= end and state != "running"]
        moments += [down for down, _ in self.restarts if start < down <= end]
        return min(moments, default=None)

    def up_since(self, at: float) -> float:
        """Return when it was last booted before a moment."""
        return max((up for _, up in self.restarts if up <= at), default=self.launched)

    def restarted_between(self, start: float, end: float) -> bool:
        """Say whether it went down within a span."""
        return any(start <= down <= end for down, _ in self.restarts)

    @property
    def service_names(self) -> set[str]:
        """The services it has: those of every machine, of its role, and its own."""
        return {*_ALWAYS[self.platform], *self.role.services, *self.services}

    def service_at(self, service: str, at: float) -> tuple[str, float] | None:
        """Return a service's state and since when, or None if there is no such service.

        A boot brings every service back to the state it was founded with.
        """
        if service not in self.service_names:
            return None
        state = self.services.get(service, "active")
        since = self.up_since(at)
        for event in self.service_events:
            if event.service == service and since <= event.at <= at:
                state, since = event.state, event.at
        return state, since

"""The instances of the cloud: how they are made, their states over time, and their metrics."""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from hashlib import blake2b

from smartops import Instance
from smartops.backends import Condition, Metric, Notice, State, Usage

from .config import FakeConfig, IncidentConfig, InstanceConfig

DAY = 86400.0
MINUTE = 60.0
# What a size is worth in mediums; dollars an hour and GiB of a medium, by a family's first letter.
_SIZES = {"micro": 0.25, "small": 0.5, "medium": 1, "large": 2, "xlarge": 4, "2xlarge": 8}
_FAMILIES = {"t": (0.042, 4), "m": (0.048, 4), "c": (0.0425, 2), "r": (0.063, 8)}
_ROLES = {"web": "t3.medium", "api": "m5.large", "database": "r5.xlarge", "directory": "t3.large"}
_ENVIRONMENTS = {"prod": "production", "stage": "staging", "dev": "development"}
_TEAMS = ("platform", "payments", "search", "data", "storefront")

# The range of the usual level in percent, what of the daily wave it follows, and its noise.
_USUAL: Mapping[Metric, tuple[float, float, float, float]] = {
    "cpu": (6.0, 18.0, 1.0, 8.0),
    "memory": (38.0, 62.0, 0.15, 2.0),
    "disk": (22.0, 58.0, 0.02, 0.2),
}


def shape_of(type_: str) -> tuple[float, float]:
    """Return what an instance type costs in dollars an hour, and its memory in GiB."""
    family, _, size = type_.partition(".")
    hourly, memory = _FAMILIES.get(family[:1], _FAMILIES["m"])
    factor = _SIZES.get(size, 16)
    return hourly * factor, memory * factor


@dataclass(frozen=True, slots=True)
class Machine:
    """An instance. A change replaces it by one with other ``tags``, ``history`` or ``boots``.

    ``history`` holds ``(since, state)``, oldest first, including transitions
    that are in progress. ``boots`` holds the spans from the start of each boot
    until the agent answers. ``started`` is the first start of the cloud.
    """

    id: str
    config: InstanceConfig
    salt: int
    started: float
    tags: Mapping[str, str]
    history: tuple[tuple[float, State], ...]
    boots: tuple[tuple[float, float], ...] = ()
    incidents: tuple[IncidentConfig, ...] = ()

    @property
    def name(self) -> str:
        """The tag Name, or an empty text."""
        return self.tags.get("Name", "")

    @property
    def key(self) -> tuple[str, str]:
        """The position in a listing."""
        return (self.name, self.id)

    def matches(self, glob: str) -> bool:
        """Return True if a glob matches the id or the name."""
        return fnmatchcase(self.id, glob) or fnmatchcase(self.name, glob)

    def state_at(self, at: float) -> State:
        """Return the state at a moment; before the launch it is pending."""
        if at >= self.history[-1][0]:
            return self.history[-1][1]
        index = bisect_right(self.history, at, key=lambda change: change[0]) - 1
        return self.history[index][1] if index >= 0 else "pending"

    def view(self, now: float, backend: str) -> Instance:
        """Return the instance as commands see it; ``launched`` is its last start."""
        starts = (at for at, state in self.history if state == "pending")
        return Instance(
            id=self.id,
            name=self.name,
            type=self.config.type,
            state=self.state_at(now),
            platform=self.config.platform,
            private_ip=self.config.private_ip,
            public_ip=self.config.public_ip,
            tags=self.tags,
            launched=datetime.fromtimestamp(int(max(starts, default=self.history[0][0])), UTC),
            backend=backend,
            state_reason=self._state_reason(now),
            spot=self.config.spot,
        )

    def _state_reason(self, now: float) -> str:
        if self.state_at(now) not in ("stopped", "terminated"):
            return ""
        started = any(state == "pending" for _, state in self.history)
        return self.config.falls_back if started else self.config.state_reason

    def condition(self) -> Condition:
        """Return the configured failed checks and events."""
        due = datetime.fromtimestamp(int(self.started + 3 * DAY), UTC)
        return Condition(
            tuple(map(Notice, self.config.failed_checks)),
            tuple(Notice(text, due) for text in self.config.events),
        )

    def answers_at(self, at: float) -> bool:
        """Return True if the agent answers at a moment."""
        if self.config.agent != "online" or self.state_at(at) != "running":
            return False
        return not any(down <= at < up for down, up in self.boots)

    def lost_after(self, at: float) -> float:
        """Return the first moment after ``at`` at which the machine goes down, or infinity."""
        downs = [since for since, state in self.history if state != "running"]
        downs += [down for down, _ in self.boots]
        return min((down for down in downs if down > at), default=math.inf)

    def booted(self, at: float) -> float:
        """Return when the system was last booted before a moment."""
        return max((up for _, up in self.boots if up <= at), default=self.history[0][0])

    def level(self, metric: Metric, at: float) -> float:
        """Return a metric in percent at a moment, as if the machine were running."""
        low, high, share, spread = _USUAL[metric]
        base: float | None = getattr(self.config, metric)
        if base is None:
            base = low + (high - low) * _draw(self.salt + len(metric), 0)
        swing = 0.0 if self.config.cpu is not None else 12 + 22 * _draw(self.salt, 1)
        peak = (12.5 + 3 * _draw(self.salt, 2)) * 3600
        wave = (1 + math.cos(math.tau * (at - peak) / DAY)) / 2
        noise = _draw(self.salt ^ len(metric), int(at // 60))
        value = base + wave * swing * share + (noise - 0.5) * spread
        for incident in self.incidents:
            if incident.metric == metric:
                reached = self._reached(incident, at)
                value += (incident.value + 0.8 * noise - value) * reached
        return round(min(100.0, max(0.2, value)), 2)

    def usage(self, minute: float) -> Usage | None:
        """Return the levels in the middle of a minute; None if the machine did not run."""
        at = minute + MINUTE / 2
        if self.state_at(at) != "running":
            return None
        cpu, memory, disk = (self.level(metric, at) for metric in _USUAL)
        return Usage(cpu, memory, disk, datetime.fromtimestamp(minute, UTC))

    def _reached(self, incident: IncidentConfig, at: float) -> float:
        """Return how far an incident has developed, from 0 to 1."""
        start = self.started - incident.since.total_seconds()
        cured = any(start <= down <= at for down, _ in self.boots)
        if at < start or (incident.cured_by_restart and cured):
            return 0.0
        ramp = incident.ramp.total_seconds()
        return 1.0 if at >= start + ramp else (at - start) / ramp


def make(config: FakeConfig, started: float) -> list[Machine]:
    """Return every instance as it is at the first start of the cloud.

    Raises ValueError for two instances of one id, or an incident of none.
    """
    numbers: Counter[str] = Counter()
    machines = []
    for item, incidents in (*((item, ()) for item in config.fleet), *_generated(config)):
        numbers[item.name] += 1
        salt = _salt(config.seed, item.id or item.name, numbers[item.name])
        machines.append(_machine(item, salt, started, incidents))
    if len({machine.id for machine in machines}) < len(machines):
        raise ValueError("two instances of the fleet have the same id")
    for number, incident in enumerate(config.incidents, 1):
        if not any(machine.matches(incident.instance) for machine in machines):
            raise ValueError(f"incident {number} names no instance: {incident.instance}")
    for index, machine in enumerate(machines):
        own = [item for item in config.incidents if machine.matches(item.instance)]
        machines[index] = replace(machine, incidents=(*machine.incidents, *own))
    return machines


def _machine(
    item: InstanceConfig, salt: int, started: float, incidents: tuple[IncidentConfig, ...]
) -> Machine:
    age = item.age.total_seconds() if item.age else (20 + 380 * _draw(salt, 3)) * DAY
    history: list[tuple[float, State]] = [(started - age, "running")]
    if item.state != "running":
        history.append((started - age / 10, item.state))
    address = f"10.0.{salt % 250}.{4 + salt // 250 % 250}"
    return Machine(
        id=item.id or f"i-0{salt:016x}",
        config=item if item.private_ip else item.model_copy(update={"private_ip": address}),
        salt=salt,
        started=started,
        tags={**item.tags, "Name": item.name},
        history=tuple(history),
        incidents=incidents,
    )


def _generated(
    config: FakeConfig,
) -> Iterator[tuple[InstanceConfig, tuple[IncidentConfig, ...]]]:
    """Yield the generated instances; more of them begin with the same ones."""
    for index in range(config.instances):
        chance = random.Random(_salt(config.seed, index))  # noqa: S311 - repeatable on purpose
        role, stage = chance.choice([*_ROLES]), chance.choice([*_ENVIRONMENTS])
        team, metric = chance.choice(_TEAMS), chance.choice([*_USUAL])
        address = f"{1 + (index >> 16)}.{index >> 8 & 255}.{index & 255}"
        since = timedelta(hours=chance.uniform(0.5, 3))
        incident = IncidentConfig(instance="*", metric=metric, value=95, since=since)
        yield (
            InstanceConfig(
                name=f"{role}-{stage}-{index + 1:03d}",
                type=_ROLES[role],
                platform="windows" if role == "directory" else "linux",
                state="stopped" if chance.random() < 0.12 else "running",
                private_ip=f"10.{address}",
                public_ip=f"54.{address}" if role == "web" else "",
                tags={"Role": role, "Environment": _ENVIRONMENTS[stage], "Team": team},
                age=timedelta(days=chance.uniform(1, 420)),
            ),
            (incident,) if chance.random() < config.trouble else (),
        )


def _salt(seed: str, *parts: str | int) -> int:
    """Return 64 bits that are always the same for the same seed and parts."""
    text = "\0".join((seed, *map(str, parts)))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def _draw(salt: int, tick: int) -> float:
    """Return the number in [0, 1) that belongs to a tick; integers hash alike everywhere."""
    return hash((salt, tick)) % 1_000_003 / 1_000_003

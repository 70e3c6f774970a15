"""Instances: what they are, and what becomes of them as time passes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any
from zlib import crc32

from .scenario import Agent, Group, Levels, Machine, Platform, Region, State, Timing

CODES: Mapping[str, int] = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}


@dataclass(slots=True)
class Instance:
    """One instance. Times are in seconds since the epoch.

    ``turns`` is the state it comes to at ``turns_at``; ``awake`` is when its
    agent answers again; ``revision`` grows with each change that can be seen.
    """

    id: str
    number: int
    type: str
    platform: Platform
    tags: dict[str, str]
    private_ip: str
    public_ip: str
    launched: float
    settled: State
    protected: bool
    agent: Agent
    levels: Levels
    ages: float
    stopped: float = 0.0
    turns: State | None = None
    turns_at: float = 0.0
    awake: float = 0.0
    revision: int = 0
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The tag Name, or an empty string."""
        return self.tags.get("Name", "")

    def state(self, now: float) -> State:
        """Return the state at a moment, which may be later than the last one asked for."""
        if self.turns is not None and now >= self.turns_at:
            self.settled, self.turns = self.turns, None
            self.revision += 1
        return self.settled

    def reachable(self, now: float) -> bool:
        """Whether scripts get to it."""
        return self.agent == "online" and self.state(now) == "running" and now >= self.awake

    def start(self, now: float, timing: Timing) -> None:
        """Begin to start, if it is stopped."""
        if self.state(now) == "stopped":
            self.launched = now
            self._turn("pending", "running", now + timing.start.total_seconds())
            self.awake = self.turns_at + timing.agent.total_seconds()

    def stop(self, now: float, timing: Timing) -> None:
        """Begin to stop, if it runs."""
        if self.state(now) == "running":
            self.stopped = now
            self._turn("stopping", "stopped", now + timing.stop.total_seconds())

    def reboot(self, now: float, timing: Timing) -> None:
        """Begin to boot again: for AWS it runs all the while, but its agent is away."""
        self.awake = now + timing.reboot.total_seconds()

    def changed(self) -> None:
        """Say that something about it has changed."""
        self.revision += 1

    def _turn(self, through: State, to: State, at: float) -> None:
        self.settled, self.turns, self.turns_at = through, to, at
        self.revision += 1


def machines(region: Region, seed: str, now: float) -> Iterator[Instance]:
    """Make the instances of a region, the same ones for the same seed."""
    maker = _Maker(seed, now)
    for machine in region.instances:
        yield maker.listed(machine)
    for group in region.generate:
        for n in range(1, group.count + 1):
            yield maker.made(group, n)


class _Maker:
    def __init__(self, seed: str, now: float) -> None:
        self._random = Random(seed)  # noqa: S311 - made up, not secret
        self._network = crc32(seed.encode())
        self._now = now
        self._number = 0

    def listed(self, machine: Machine) -> Instance:
        tags = {"Name": machine.name} if machine.name else {}
        return self._make(
            machine, {**tags, **machine.tags}, machine.id, machine.private_ip, machine.public_ip
        )

    def made(self, group: Group, n: int) -> Instance:
        return self._make(group, {"Name": group.name.format(n=n), **group.tags})

    def _make(
        self,
        like: Machine | Group,
        tags: dict[str, str],
        id: str = "",
        private_ip: str = "",
        public_ip: str = "",
    ) -> Instance:
        number = self._number
        self._number += 1
        made_up = self._random.getrandbits(64)
        launched = self._now - like.age.total_seconds()
        return Instance(
            id=id or f"i-0{made_up:016x}",
            number=number,
            type=like.type,
            platform=like.platform,
            tags=tags,
            private_ip=private_ip or self._address(number),
            public_ip=public_ip,
            launched=launched,
            settled=like.state,
            protected=isinstance(like, Machine) and like.protected,
            agent=like.agent,
            levels=like.metrics,
            ages=launched,
            stopped=self._now - 3600 if like.state in ("stopped", "terminated") else 0.0,
        )

    def _address(self, number: int) -> str:
        """Return an address of the region's own network, so that hardly two regions share one."""
        high, low = divmod(number, 250)
        return f"10.{(self._network + high // 256) % 256}.{high % 256}.{low + 4}"


def image(instance: Instance) -> str:
    """Return the id of the image that it was made from."""
    return "ami-0win2022base0000" if instance.platform == "windows" else "ami-0linux2023base00"

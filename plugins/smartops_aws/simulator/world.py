"""The cloud: for each account and region a world of its own."""

from __future__ import annotations

from collections.abc import Iterable

from smartops import Clock

from .identity import Keys
from .machines import Instance, machines
from .runs import Command
from .scenario import Region, Scenario
from .signals import Signals


class World:
    """One region of one account."""

    def __init__(self, account: str, name: str, region: Region, scenario: Scenario, now: float):
        self.account = account
        self.region = name
        self.down = region.down
        seed = f"{scenario.seed}/{account}/{name}"
        self.instances: dict[str, Instance] = {
            each.id: each for each in machines(region, seed, now)
        }
        self.commands: dict[str, Command] = {}
        self.signals = Signals(seed, scenario.incidents, now)

    def instance(self, name: str) -> Instance:
        """Return the instance with this id, or else the first with this name; KeyError if none."""
        if name in self.instances:
            return self.instances[name]
        for each in self.instances.values():
            if each.name == name:
                return each
        raise KeyError(name)

    def arn(self, instance: str) -> str:
        """Return the ARN of an instance."""
        return f"arn:aws:ec2:{self.region}:{self.account}:instance/{instance}"


class Cloud:
    """All worlds, the keys to them, and the time."""

    def __init__(self, scenario: Scenario, clock: Clock) -> None:
        self.scenario = scenario
        self.clock = clock
        self.keys = Keys(scenario)
        self._worlds: dict[tuple[str, str], World] = {}
        self._began = clock.time()
        for account, content in scenario.accounts.items():
            for region in content.regions:
                self.world(account, region)

    def world(self, account: str, region: str) -> World:
        """Return what an account has in a region, which may be nothing."""
        found = self._worlds.get((account, region))
        if found is None:
            settings = self.scenario.accounts[account].regions.get(region, Region())
            found = World(account, region, settings, self.scenario, self._began)
            self._worlds[account, region] = found
        return found

    def worlds(self) -> Iterable[World]:
        """Return all worlds there are by now."""
        return self._worlds.values()

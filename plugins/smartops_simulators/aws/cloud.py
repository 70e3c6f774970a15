"""The state of the local AWS: accounts, regions, instances, and who calls."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from math import inf
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar
from zlib import crc32

from smartops import Clock

from .faults import AwsError, Denial, error
from .scenario import Machine, Region, Scenario, State

if TYPE_CHECKING:
    from .ssm import Command

T = TypeVar("T")
Metric = tuple[str, str, tuple[tuple[str, str], ...]]
"""Namespace, name, and the dimensions in the order of their names."""


class Instance:
    """An instance. ``states`` are those it was or will be in, and since when.

    ``awake`` is when its agent answers again after a start or a reboot.
    """

    def __init__(self, like: Machine, name: str, id: str, address: str, now: float) -> None:
        self.id = like.id or id
        self.type, self.platform, self.levels = like.type, like.platform, like.metrics
        self.tags = {**({"Name": name} if name else {}), **like.tags}
        self.private_ip, self.public_ip = like.private_ip or address, like.public_ip
        self.protected, self.agent, self.awake = like.protected, like.agent, 0.0
        self.spot, self.reason, self.falls_back = like.spot, like.state_reason, like.falls_back
        self.failed_checks, self.events = like.failed_checks, like.events
        self.states: list[tuple[float, State]] = [(now - like.age.total_seconds(), "running")]
        if like.state != "running":
            self.states.append((now - 3600, like.state))

    @property
    def name(self) -> str:
        return self.tags.get("Name", "")

    @property
    def image(self) -> str:
        return "ami-0win2022base0000" if self.platform == "windows" else "ami-0linux2023base00"

    def since(self, now: float) -> tuple[float, State]:
        """Return the state at a moment, and since when."""
        return next((each for each in reversed(self.states) if each[0] <= now), (0, "pending"))

    def state(self, now: float) -> State:
        """Return the state at a moment."""
        return self.since(now)[1]

    def launched(self, now: float) -> float:
        return max(at for at, state in self.states if at <= now and state in ("pending", "running"))

    def matches(self, pattern: str) -> bool:
        """Whether a pattern is about its name or id."""
        return fnmatchcase(self.name, pattern) or fnmatchcase(self.id, pattern)


def _instances(region: Region, seed: str, now: float) -> Iterator[Instance]:
    random = Random(seed)  # noqa: S311 - made up, not secret
    network = crc32(seed.encode())
    listed = [(machine, machine.name) for machine in region.instances]
    for group in region.generate:
        listed += [(group, group.name.format(n=n)) for n in range(1, group.count + 1)]
    for number, (machine, name) in enumerate(listed):
        high, low = divmod(number, 250)
        address = f"10.{(network + high // 256) % 256}.{high % 256}.{low + 4}"
        yield Instance(machine, name, f"i-0{random.getrandbits(64):016x}", address, now)


class AccountRegion:
    def __init__(self, account: str, name: str, region: Region, seed: str, now: float) -> None:
        self.account = account
        self.name = name
        self.seed = seed
        self.instances = {each.id: each for each in _instances(region, seed, now)}
        self.commands: dict[str, Command] = {}
        self.measured: dict[Metric, list[tuple[float, float]]] = {}

    def instance(self, name: str) -> Instance:
        named = (each for each in self.instances.values() if each.name == name)
        found = self.instances.get(name) or next(named, None)
        if found is None:
            raise KeyError(name)
        return found


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose credentials a request has: ``user/NAME`` or ``assumed-role/ROLE/SESSION``."""

    account: str
    name: str

    @property
    def arn(self) -> str:
        service = "sts" if self.name.startswith("assumed-role/") else "iam"
        return f"arn:aws:{service}::{self.account}:{self.name}"


class Cloud:
    """All accounts and regions, the access keys, what IAM denies, and the time."""

    def __init__(self, scenario: Scenario, clock: Clock) -> None:
        self.scenario = scenario
        self.clock = clock
        self.began = clock.time()
        self.denials: list[Denial] = list(scenario.denials)
        self.incidents = [
            (each, self.began - each.since.total_seconds()) for each in scenario.incidents
        ]
        self._sessions: dict[str, tuple[Caller, str, float]] = {}
        self._regions: dict[tuple[str, str], AccountRegion] = {}
        for account, content in scenario.accounts.items():
            for region in content.regions:
                self.region(account, region)

    def region(self, account: str, region: str) -> AccountRegion:
        """Return what an account has in a region; KeyError for an unknown account."""
        if (account, region) not in self._regions:
            content = self.scenario.accounts[account].regions.get(region, Region())
            seed = f"{self.scenario.seed}/{account}/{region}"
            self._regions[account, region] = AccountRegion(
                account, region, content, seed, self.began
            )
        return self._regions[account, region]

    def caller(self, service: str, key: str, token: str) -> Caller:
        """Return the owner of an access key; secrets and signatures are not checked."""
        named, accounts = self.scenario.keys.get(key), self.scenario.accounts
        default = Caller(key if key in accounts else next(iter(accounts)), "user/smartops")
        known = Caller(named.account, f"user/{named.user}") if named else default
        caller, wanted, expires = self._sessions.get(key, (known, token, inf))
        unknown = key.startswith("ASIA") and not named and key not in self._sessions
        if unknown or token != wanted or (named and named.disabled):
            raise error("invalid", service)
        if (named and named.expired) or self.clock.time() >= expires:
            raise error("expired", service)
        return caller

    def hand_out(self, caller: Caller, expires: float) -> tuple[str, str]:
        """Return an access key and a session token for an assumed role."""
        key, token = f"ASIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(120)
        self._sessions[key] = (caller, token, expires)
        return key, token


@dataclass(frozen=True, slots=True)
class Request:
    """An accepted request, as the function of its operation gets it."""

    cloud: Cloud
    region: AccountRegion
    caller: Caller
    operation: str
    params: Mapping[str, Any]
    now: float

    def page(self, items: Sequence[T], size: int, wrong: str) -> tuple[list[T], dict[str, str]]:
        """Return the page that is asked for, and the opaque token of the next one.

        A token is good for the same request only; ``wrong`` is the error code for any other.
        """
        start = self.place(wrong)
        end = start + size
        return list(items[start:end]), self.following(end) if end < len(items) else {}

    def place(self, wrong: str) -> int:
        """Return how many items the pages before this one had."""
        digest, _, place = self.params.get("NextToken", f"{self._digest()}.0").partition(".")
        if digest != self._digest():
            raise AwsError(wrong, "The specified token is not valid.")
        return int(place)

    def following(self, place: int) -> dict[str, str]:
        """Return the token of the page that begins at a place."""
        return {"NextToken": f"{self._digest()}.{place}"}

    def _digest(self) -> str:
        paging = ("NextToken", "MaxResults")
        same = {name: value for name, value in self.params.items() if name not in paging}
        return str(crc32(f"{self.operation}{self.region.seed}{sorted(same.items())}".encode()))


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

"""The founding of the cloud: machines from the configuration, the rest made from the seed."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from hashlib import blake2b
from itertools import accumulate
from struct import Struct
from typing import NamedTuple

from smartops import Metric, State

from .catalogue import ROLES, Role, role_of
from .config import FakeConfig, IncidentConfig, InstanceConfig
from .machine import Incident, Machine, Usual
from .noise import between, draw, salt_of

_DAY = 86400.0
_ENVIRONMENTS = ("production", "production", "production", "staging", "development")
_TEAMS = ("platform", "payments", "search", "data", "storefront")
_ROLES = tuple(ROLES.values())
_WEIGHTS = tuple(accumulate(role.weight for role in _ROLES))
_SHORT = {"production": "prod", "staging": "stage", "development": "dev"}
_FIRST_HOST = 260
_STOPPED = 0.12
_YOUNG = 0.03
_YOUNG_AGES = (0.2, 6.5)
_AGES = (8.0, 420.0)
_WHOLE = 1 << 16
_LOT = Struct(">8sQ8H")
_TROUBLES: tuple[tuple[Metric, float, float], ...] = (
    ("cpu", 95.0, 0.0),
    ("memory", 93.0, 6 * 3600.0),
    ("disk", 94.0, 4 * _DAY),
)


class _Lot(NamedTuple):
    """What chance gives a made-up machine: its id, its salt, and numbers below 65,536."""

    id: bytes
    salt: int
    role: int
    environment: int
    team: int
    type: int
    stopped: int
    young: int
    age: int
    trouble: int


def found(config: FakeConfig, founded: float) -> list[Machine]:
    """Return every machine as it stood when the cloud was founded.

    Raises ValueError if an incident names no instance.
    """
    named: Counter[str] = Counter()
    machines = []
    for item in config.fleet:
        named[item.name] += 1
        salt = salt_of(config.seed, item.id or item.name, named[item.name])
        machines.append(_explicit(item, salt, founded))
    taken = {machine.name for machine in machines}
    machines += _made_up(config, founded, taken)
    for machine in machines:
        machine.backend = config.name
    for number, incident in enumerate(config.incidents, 1):
        _afflict(machines, incident, founded, f"incident {number}")
    return machines


def matches(pattern: str, machine: Machine) -> bool:
    """Say whether a glob names a machine by id or by name."""
    return fnmatchcase(machine.id, pattern) or fnmatchcase(machine.name, pattern)


def _explicit(item: InstanceConfig, salt: int, founded: float) -> Machine:
    age = item.age.total_seconds() if item.age else between(salt, 10, 20 * _DAY, 400 * _DAY)
    private = item.private_ip or f"10.0.{int(draw(salt, 11) * 250)}.{4 + int(draw(salt, 12) * 250)}"
    return Machine(
        id=item.id or f"i-0{salt:016x}",
        name=item.name,
        type=item.type,
        platform=item.platform,
        private_ip=private,
        public_ip=item.public_ip,
        tags={"Name": item.name, **item.tags} if item.name else dict(item.tags),
        role=role_of(item.name, item.tags),
        salt=salt,
        history=_past(item.state, founded, age, salt),
        state=item.state,
        elastic=True,
        protected=item.protected,
        agent=item.agent,
        measures=item.measures,
        usual=Usual(item.cpu, item.memory, item.disk),
        services=dict(item.services),
    )


def _past(state: State, founded: float, age: float, salt: int) -> tuple[tuple[float, State], ...]:
    launch = founded - age
    if state == "running":
        return ((launch, "running"),)
    if state == "pending":
        return ((founded, "pending"),)
    if state in ("stopping", "shutting-down"):
        return ((launch, "running"), (founded, state))
    return ((launch, "running"), (founded - between(salt, 13, 0.02, 0.5) * age, state))


def _made_up(config: FakeConfig, founded: float, taken: set[str]) -> Iterator[Machine]:
    numbers: dict[str, int] = {}
    for index in range(config.instances):
        lot = _Lot(
            *_LOT.unpack(blake2b(f"{config.seed}\0{index}".encode(), digest_size=32).digest())
        )
        role = _ROLES[bisect_right(_WEIGHTS, lot.role * _WEIGHTS[-1] // _WHOLE)]
        environment = _pick(_ENVIRONMENTS, lot.environment)
        stem = f"{role.name}-{_SHORT[environment]}"
        name = ""
        while not name or name in taken:
            numbers[stem] = numbers.get(stem, 0) + 1
            name = f"{stem}-{numbers[stem]:02d}"
        machine = _machine(lot, index + _FIRST_HOST, role, name, founded)
        machine.tags["Environment"] = environment
        if lot.trouble < config.trouble * _WHOLE:
            machine.incidents = (_trouble(lot.salt, founded),)
        yield machine


def _machine(lot: _Lot, host: int, role: Role, name: str, founded: float) -> Machine:
    stopped = lot.stopped < _STOPPED * _WHOLE
    low, high = _YOUNG_AGES if lot.young < _YOUNG * _WHOLE else _AGES
    age = (low + (high - low) * lot.age / _WHOLE) * _DAY
    state: State = "stopped" if stopped else "running"
    return Machine(
        id=f"i-0{lot.id.hex()}",
        name=name,
        type=_pick(role.types, lot.type),
        platform=role.platform,
        private_ip=f"10.{1 + (host >> 16)}.{(host >> 8) & 255}.{host & 255}",
        public_ip=public_address(lot.salt, 0) if role.public and not stopped else "",
        tags={"Name": name, "Role": role.name, "Team": _pick(_TEAMS, lot.team)},
        role=role,
        salt=lot.salt,
        history=_past(state, founded, age, lot.salt),
        state=state,
    )


def _pick(things: Sequence[str], number: int) -> str:
    return things[number * len(things) // _WHOLE]


def public_address(salt: int, lease: int) -> str:
    """Return the address that a machine is lent for its ``lease``-th run."""
    bits = int(draw(salt ^ 0x1B, lease) * (1 << 24))
    return f"54.{bits >> 16}.{(bits >> 8) & 255}.{bits & 255}"


def _trouble(salt: int, founded: float) -> Incident:
    metric, value, ramp = _TROUBLES[int(draw(salt, 28) * len(_TROUBLES))]
    start = founded - ramp - between(salt, 29, 900.0, 7200.0)
    return Incident(metric, value, start, math.inf, ramp, cured_by_restart=metric != "disk")


def _afflict(
    machines: Iterable[Machine], told: IncidentConfig, founded: float, called: str
) -> None:
    start = founded - told.since.total_seconds()
    end = start + told.lasts.total_seconds() if told.lasts else math.inf
    incident = Incident(
        told.metric, told.value, start, end, told.ramp.total_seconds(), told.cured_by_restart
    )
    struck = [machine for machine in machines if matches(told.instance, machine)]
    if not struck:
        raise ValueError(f"{called} names no instance: {told.instance}")
    for machine in struck:
        machine.incidents = (*machine.incidents, incident)

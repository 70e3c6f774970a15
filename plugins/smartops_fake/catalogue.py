"""Instance types and roles: what machines are made of and what they are for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

_SIZES = {
    "nano": 0.25,
    "micro": 0.5,
    "small": 1.0,
    "medium": 2.0,
    "large": 4.0,
    "xlarge": 8.0,
    "2xlarge": 16.0,
    "4xlarge": 32.0,
    "8xlarge": 64.0,
    "12xlarge": 96.0,
    "16xlarge": 128.0,
    "24xlarge": 192.0,
}
_MEDIUM = 2.0

# Per unit of size: dollars an hour, and GiB of memory. Rounded list prices of a common region.
_FAMILIES = {
    "t3": (0.0208, 2.0),
    "t4g": (0.0168, 2.0),
    "m5": (0.0240, 2.0),
    "m6i": (0.0240, 2.0),
    "c5": (0.02125, 1.0),
    "c6i": (0.02125, 1.0),
    "r5": (0.0315, 4.0),
    "r6i": (0.0315, 4.0),
}
_USUAL = (0.0250, 2.0)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a type gives: processors, memory in MiB, dollars an hour on Linux and on Windows."""

    vcpus: int
    memory_mib: int
    hourly: float
    hourly_windows: float


@lru_cache(maxsize=1024)
def shape_of(type_: str) -> Shape:
    """Return the shape of an instance type; unknown ones are priced by their size."""
    family, _, size = type_.partition(".")
    units = _SIZES.get(size, _MEDIUM)
    price, gib = _FAMILIES.get(family, _USUAL)
    vcpus = max(2, int(units / 2))
    hourly = price * units
    return Shape(vcpus, int(units * gib * 1024), hourly, hourly + 0.046 * vcpus)


Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Role:
    """What a machine is for, which shapes its type, its services and its load.

    ``cpu`` is the level by night and ``swing`` what the day adds; ``peak`` the
    busiest hour of the day (UTC). Levels are ranges from which each machine
    draws its own.
    """

    name: str
    weight: int
    types: tuple[str, ...]
    services: tuple[str, ...]
    cpu: Range = (6.0, 18.0)
    swing: Range = (12.0, 34.0)
    peak: float = 14.0
    memory: Range = (38.0, 62.0)
    disk: Range = (22.0, 58.0)
    platform: Literal["linux", "windows"] = "linux"
    public: bool = False


ROLES = {
    role.name: role
    for role in (
        Role("web", 22, ("t3.medium", "t3.large", "m5.large"), ("nginx", "php-fpm"), public=True),
        Role("api", 20, ("m5.large", "m5.xlarge", "c5.large"), ("gunicorn", "nginx")),
        Role("worker", 18, ("c5.large", "c5.xlarge"), ("celery",), cpu=(18.0, 34.0)),
        Role(
            "batch",
            8,
            ("c5.xlarge", "c5.2xlarge"),
            ("batch-runner",),
            swing=(30.0, 52.0),
            peak=2.5,
        ),
        Role(
            "database",
            10,
            ("r5.large", "r5.xlarge", "r5.2xlarge"),
            ("postgresql",),
            memory=(58.0, 72.0),
            disk=(40.0, 68.0),
        ),
        Role("cache", 7, ("r5.large", "t3.medium"), ("redis-server",), memory=(50.0, 70.0)),
        Role("queue", 5, ("m5.large", "t3.large"), ("rabbitmq-server",)),
        Role(
            "monitoring",
            3,
            ("m5.large",),
            ("prometheus", "grafana-server"),
            swing=(4.0, 10.0),
            disk=(45.0, 70.0),
        ),
        Role("bastion", 2, ("t3.micro", "t3.small"), ("sshd",), swing=(1.0, 5.0), public=True),
        Role(
            "directory",
            3,
            ("t3.large", "m5.large"),
            ("NTDS", "DNS"),
            platform="windows",
            memory=(45.0, 66.0),
        ),
        Role("intranet", 2, ("m5.large",), ("W3SVC",), platform="windows"),
    )
}
GENERAL = Role("general", 0, ("t3.medium",), ("sshd",))


def role_of(name: str, tags: dict[str, str]) -> Role:
    """Return the role that a machine's Role tag or name tells."""
    told = ROLES.get(tags.get("Role", "").lower())
    if told is not None:
        return told
    words = name.lower().replace("_", "-").split("-")
    return next((ROLES[word] for word in words if word in ROLES), GENERAL)

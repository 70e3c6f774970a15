"""What a machine's metrics are at any moment: a function of seed, machine and time.

Nothing is stored. A day has its rhythm, weekends are quiet, chance moves the
rest, and incidents take over where the configuration says so.
"""

from __future__ import annotations

from math import cos, tau

from smartops import Metric

from .catalogue import Range
from .machine import Incident, Machine, Profile
from .noise import between, draw, drift

_DAY = 86400.0
_WEEK = 7 * _DAY
_TURN = tau / _DAY
_MINUTE = 60.0
_KNOT = 900.0
_SALTS: dict[Metric, int] = {"cpu": 0x51ED, "memory": 0xA3C7, "disk": 0x2F0B}
_DISK_GROWTH = 4.0
_WEEKEND = 0.55
_SATURDAY = 2  # 1 January 1970 was a Thursday


def level(machine: Machine, metric: Metric, at: float) -> float:
    """Return a metric in percent at a moment, as if the machine ran then."""
    usual = _usual(machine, metric, at)
    for incident in machine.incidents:
        if incident.metric == metric and _strikes(incident, machine, at):
            usual = _struck(incident, machine, usual, at)
    return round(min(100.0, max(0.2, usual)), 2)


def _usual(machine: Machine, metric: Metric, at: float) -> float:
    profile = machine.profile or _profile(machine)
    salt, fine = profile.salts[metric]
    jitter = draw(fine, int(at // _MINUTE)) - 0.5
    if metric == "disk":
        filled = ((at - profile.cleaned) % _WEEK) / _WEEK
        return profile.disk + _DISK_GROWTH * filled + 0.1 * jitter
    wander = drift(salt, at, _KNOT) - 0.5
    rhythm = _rhythm(profile, at)
    if metric == "memory":
        return profile.memory + 0.12 * rhythm + 3.0 * wander + 0.6 * jitter
    return profile.cpu + rhythm + 8.0 * wander + 3.0 * jitter


def _rhythm(profile: Profile, at: float) -> float:
    """Return what the hour adds: most at the peak, nothing twelve hours off, less on weekends."""
    height = (1.0 + cos(_TURN * (at - profile.peak))) / 2.0
    weekend = (at // _DAY - _SATURDAY) % 7 < 2
    return profile.swing * height * height * (_WEEKEND if weekend else 1.0)


def _profile(machine: Machine) -> Profile:
    """Draw a machine's usual course, and keep it."""
    role, usual, salt = machine.role, machine.usual, machine.salt
    machine.profile = Profile(
        cpu=_told(usual.cpu, salt, 1, role.cpu),
        swing=_told(None if usual.cpu is None else 0.0, salt, 5, role.swing),
        peak=role.peak * 3600.0 + between(salt, 6, -5400.0, 5400.0),
        memory=_told(usual.memory, salt, 2, role.memory),
        disk=_told(usual.disk, salt, 3, role.disk),
        cleaned=draw(salt, 4) * _WEEK,
        salts={metric: (salt ^ mark, salt ^ mark ^ 0xFF) for metric, mark in _SALTS.items()},
    )
    return machine.profile


def _told(told: float | None, salt: int, tick: int, usual: Range) -> float:
    return between(salt, tick, *usual) if told is None else told


def _strikes(incident: Incident, machine: Machine, at: float) -> bool:
    if not incident.start <= at < incident.end:
        return False
    return not (incident.cured_by_restart and machine.restarted_between(incident.start, at))


def _struck(incident: Incident, machine: Machine, usual: float, at: float) -> float:
    """Return the level of an incident: never below what was told, for thresholds are exact."""
    wobble = 0.9 * draw(machine.salt ^ 0xBAD, int(at // _MINUTE))
    if incident.ramp <= 0 or at >= incident.start + incident.ramp:
        return incident.value + wobble
    share = (at - incident.start) / incident.ramp
    return usual + (incident.value - usual) * share

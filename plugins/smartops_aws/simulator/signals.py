"""What is measured on instances: a usual level, some noise, and incidents."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from .machines import Instance, image
from .scenario import Incident

_EC2, _AGENT = "AWS/EC2", "CWAgent"
_FIVE_MINUTES, _MINUTE = 300, 60

Dimensions = tuple[tuple[str, str], ...]
"""Names and values, sorted by name."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of CloudWatch."""

    namespace: str
    name: str
    dimensions: Dimensions


@dataclass(frozen=True, slots=True)
class Source:
    """Where the values of a metric come from.

    ``kind`` is ``cpu``, ``memory`` or ``disk``; ``upside_down`` is a metric of
    what is free. ``resolution`` is in seconds.
    """

    instance: Instance
    kind: str
    resolution: int
    upside_down: bool = False


class Signals:
    """The measurements of one region of one account."""

    def __init__(self, seed: str, incidents: Sequence[Incident], began: float) -> None:
        self._seed = seed
        self._incidents = list(incidents)
        self._began = began
        self.written: dict[Metric, list[tuple[float, float]]] = {}

    def add(self, incident: Incident, now: float) -> None:
        """Let something begin ``incident.since`` before now, instead of before the start."""
        shift = now - self._began
        since = incident.since.total_seconds() - shift
        self._incidents.append(
            incident.model_copy(update={"since": type(incident.since)(seconds=since)})
        )

    def value(self, source: Source, at: float) -> float | None:
        """Return what was measured at a moment; None if there was nothing to measure."""
        instance = source.instance
        level: float | None = getattr(instance.levels, source.kind)
        if level is None or at < instance.ages or not _on(instance, at):
            return None
        usual = level + instance.levels.spread * self._noise(instance, source.kind, at)
        found = self._incident(instance, source.kind, at)
        value = min(100.0, max(0.0, usual if found is None else found))
        return 100.0 - value if source.upside_down else value

    def _noise(self, instance: Instance, kind: str, at: float) -> float:
        text = f"{self._seed}/{instance.id}/{kind}/{int(at // _MINUTE)}"
        return zlib.crc32(text.encode()) / 0x7FFFFFFF - 1.0

    def _incident(self, instance: Instance, kind: str, at: float) -> float | None:
        for each in self._incidents:
            if each.metric != kind or not (
                fnmatchcase(instance.name, each.instance) or fnmatchcase(instance.id, each.instance)
            ):
                continue
            begins = self._began - each.since.total_seconds()
            ends = begins + each.lasts.total_seconds() if each.lasts is not None else at + 1
            if begins <= at < ends:
                return each.value
        return None


def _on(instance: Instance, at: float) -> bool:
    if instance.state(at) == "running" or at < instance.stopped:
        return at < instance.stopped or at >= instance.launched
    return False


def metrics(instance: Instance) -> Iterator[tuple[Metric, Source]]:
    """Return what is measured on an instance, by EC2 and by the CloudWatch agent."""
    own = (("InstanceId", instance.id),)
    if instance.levels.cpu is not None:
        yield Metric(_EC2, "CPUUtilization", own), Source(instance, "cpu", _FIVE_MINUTES)
    common = {
        "InstanceId": instance.id,
        "ImageId": image(instance),
        "InstanceType": instance.type,
    }
    for name, kind, more, upside_down in _OF_AGENT[instance.platform]:
        if getattr(instance.levels, kind) is None:
            continue
        dimensions = tuple(sorted((common | more).items()))
        source = Source(instance, kind, _MINUTE, upside_down)
        yield Metric(_AGENT, name, dimensions), source


_OF_AGENT: Mapping[str, Sequence[tuple[str, str, dict[str, str], bool]]] = {
    "linux": (
        ("mem_used_percent", "memory", {}, False),
        (
            "disk_used_percent",
            "disk",
            {"path": "/", "device": "nvme0n1p1", "fstype": "xfs"},
            False,
        ),
    ),
    "windows": (
        ("Memory % Committed Bytes In Use", "memory", {"objectname": "Memory"}, False),
        (
            "LogicalDisk % Free Space",
            "disk",
            {"objectname": "LogicalDisk", "instance": "C:"},
            True,
        ),
    ),
}

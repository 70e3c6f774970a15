"""Which metrics of CloudWatch measure an instance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smartops.backends import Metric

Dimensions = tuple[tuple[str, str], ...]
Gauges = Mapping[Metric, Sequence["Gauge"]]


@dataclass(frozen=True, slots=True)
class Gauge:
    """One metric with all its dimensions, in percent; ``free`` if it says what is not used."""

    namespace: str
    name: str
    dimensions: Dimensions
    free: bool = False

    def used(self, value: float) -> float:
        """Return what a value means, from 0 to 100."""
        return min(100.0, max(0.0, 100.0 - value if self.free else value))

    def query(self, id: str, period: int) -> Mapping[str, Any]:
        """Return the gauge as a query of GetMetricData."""
        metric = {
            "Namespace": self.namespace,
            "MetricName": self.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in self.dimensions],
        }
        return {"Id": id, "MetricStat": {"Metric": metric, "Period": period, "Stat": "Average"}}


LINUX_MEMORY = "mem_used_percent"
LINUX_DISK = "disk_used_percent"
WINDOWS_MEMORY = "Memory % Committed Bytes In Use"
WINDOWS_DISK = "LogicalDisk % Free Space"

AGENT_METRICS = (LINUX_MEMORY, LINUX_DISK, WINDOWS_MEMORY, WINDOWS_DISK)
"""What the CloudWatch agent calls memory and disk, on Linux and on Windows."""

_INSTANCE = "InstanceId"
_MOST_DISKS = 4
_ROOTS = ("/", "C:")
_NO_DISKS = frozenset(
    {"devtmpfs", "iso9660", "nsfs", "overlay", "proc", "ramfs", "squashfs", "sysfs", "tmpfs"}
)


def cpu(instance_id: str) -> Gauge:
    """Return the gauge that EC2 itself has of every instance."""
    return Gauge("AWS/EC2", "CPUUtilization", ((_INSTANCE, instance_id),))


def of_instance(listed: Mapping[str, Any]) -> tuple[str, Gauge] | None:
    """Return the instance and the gauge of a listed metric; None if it is not needed."""
    dimensions = tuple((item["Name"], item["Value"]) for item in listed["Dimensions"])
    instance = dict(dimensions).get(_INSTANCE)
    if instance is None or listed["MetricName"] not in AGENT_METRICS:
        return None
    name = listed["MetricName"]
    return instance, Gauge(listed["Namespace"], name, dimensions, free=name == WINDOWS_DISK)


def chosen(found: Iterable[Gauge]) -> Gauges:
    """Return which gauges to read: one of the memory, and one of each of four file systems.

    The agent may measure the same with more dimensions and with fewer: fewer are preferred.
    """
    memory: list[Gauge] = []
    disks: dict[str, list[Gauge]] = {}
    for gauge in sorted(found, key=lambda item: (len(item.dimensions), item.dimensions)):
        if gauge.name in (LINUX_MEMORY, WINDOWS_MEMORY):
            memory.append(gauge)
        elif (place := _filesystem(gauge)) is not None:
            disks.setdefault(place, []).append(gauge)
    if len(disks) > 1:
        disks.pop("", None)  # the average of all says nothing where each is known
    places = sorted(disks, key=lambda place: (place not in _ROOTS, place))
    return {
        "memory": memory[:1],
        "disk": [disks[place][0] for place in places[:_MOST_DISKS]],
    }


def _filesystem(gauge: Gauge) -> str | None:
    """Return what a gauge of a disk is of, empty for all together; None for what is no disk."""
    dimensions = dict(gauge.dimensions)
    if dimensions.get("fstype") in _NO_DISKS or dimensions.get("instance") == "_Total":
        return None
    return dimensions.get("path") or dimensions.get("instance") or ""

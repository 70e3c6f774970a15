"""Which metrics of CloudWatch measure an instance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from smartops.backends import Metric

Gauge = tuple[str, str, tuple[tuple[str, str], ...]]
"""A metric of an instance: namespace, name, and all its dimensions.

There are several for each of tens of thousands of instances. The garbage
collector, which stops the event loop, skips tuples of text, but not objects.
"""

_CPU = "CPUUtilization"
LINUX_MEMORY = "mem_used_percent"
LINUX_DISK = "disk_used_percent"
WINDOWS_MEMORY = "Memory % Committed Bytes In Use"
WINDOWS_DISK = "LogicalDisk % Free Space"

AGENT_METRICS: Mapping[str, Sequence[str]] = {
    "linux": (LINUX_MEMORY, LINUX_DISK),
    "windows": (WINDOWS_MEMORY, WINDOWS_DISK),
}
"""What the CloudWatch agent calls memory and disk."""

METRICS: Mapping[str, Metric] = {
    _CPU: "cpu",
    LINUX_MEMORY: "memory",
    WINDOWS_MEMORY: "memory",
    LINUX_DISK: "disk",
    WINDOWS_DISK: "disk",
}
"""What each name measures."""

_INSTANCE = "InstanceId"
_MOST_DISKS = 4
_ROOTS = ("/", "C:")
_NO_DISKS = frozenset(
    {"devtmpfs", "iso9660", "nsfs", "overlay", "proc", "ramfs", "squashfs", "sysfs", "tmpfs"}
)


def cpu(instance_id: str) -> Gauge:
    """Return the gauge that EC2 itself has of every instance."""
    return "AWS/EC2", _CPU, ((_INSTANCE, instance_id),)


def measures(gauge: Gauge) -> Metric:
    """Return what a gauge measures."""
    return METRICS[gauge[1]]


def used(gauge: Gauge, value: float) -> float:
    """Return what a value of a gauge means, from 0 to 100."""
    return min(100.0, max(0.0, 100.0 - value if gauge[1] == WINDOWS_DISK else value))


def query(gauge: Gauge, id: str, period: int) -> Mapping[str, Any]:
    """Return a gauge as a query of GetMetricData."""
    namespace, name, dimensions = gauge
    metric = {
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions],
    }
    return {"Id": id, "MetricStat": {"Metric": metric, "Period": period, "Stat": "Average"}}


def of_instance(listed: Mapping[str, Any]) -> tuple[str, Gauge] | None:
    """Return the instance and the gauge of a listed metric; None if it is not needed."""
    dimensions = tuple((item["Name"], item["Value"]) for item in listed["Dimensions"])
    instance, name = dict(dimensions).get(_INSTANCE), listed["MetricName"]
    if instance is None or METRICS.get(name) not in ("memory", "disk"):
        return None
    return instance, (listed["Namespace"], name, dimensions)


def chosen(found: Iterable[Gauge]) -> tuple[Gauge, ...]:
    """Return which gauges to read: one of the memory, and one of each of four file systems.

    The agent may measure the same with more dimensions and with fewer: fewer are preferred.
    """
    memory: list[Gauge] = []
    disks: dict[str, list[Gauge]] = {}
    for gauge in sorted(found, key=lambda item: (len(item[2]), item[2])):
        if measures(gauge) == "memory":
            memory.append(gauge)
        elif (place := _filesystem(gauge)) is not None:
            disks.setdefault(place, []).append(gauge)
    if len(disks) > 1:
        disks.pop("", None)  # the average of all says nothing where each is known
    places = sorted(disks, key=lambda place: (place not in _ROOTS, place))
    return (*memory[:1], *(disks[place][0] for place in places[:_MOST_DISKS]))


def _filesystem(gauge: Gauge) -> str | None:
    """Return what a gauge of a disk is of, empty for all together; None for what is no disk."""
    dimensions = dict(gauge[2])
    if dimensions.get("fstype") in _NO_DISKS or dimensions.get("instance") == "_Total":
        return None
    return dimensions.get("path") or dimensions.get("instance") or ""

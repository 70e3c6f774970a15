"""Which instances SSM can reach, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smartops import Instance

from .actions import NODES
from .documents import Platform
from .kit import Region
from .kit.concurrency import together

AT_ONCE = 50
"""Instances that one request of SSM may name."""

_PLATFORMS: Mapping[str, Platform] = {"Windows": "windows", "Linux": "linux", "MacOS": "linux"}


@dataclass(frozen=True, slots=True)
class Reach:
    """Which instances can be reached, by platform, and why the others cannot, by id."""

    online: Mapping[Platform, Sequence[Instance]]
    unreachable: Mapping[str, str]


async def reach(region: Region, instances: Sequence[Instance]) -> Reach:
    """Ask SSM about the agents of these instances; raises refusals."""
    known: dict[str, Mapping[str, Any]] = {}

    async def ask(part: Sequence[Instance]) -> None:
        ids = [item.id for item in part]
        filters = [{"Key": "InstanceIds", "Values": ids}]
        async for page in region.pages(NODES, Filters=filters, MaxResults=AT_ONCE):
            for node in page["InstanceInformationList"]:
                known[node["InstanceId"]] = node

    await together(ask, chunks(instances))
    online: dict[Platform, list[Instance]] = {}
    unreachable: dict[str, str] = {}
    for instance in instances:
        node = known.get(instance.id)
        if node is not None and node.get("PingStatus") == "Online":
            platform = _PLATFORMS.get(node.get("PlatformType", ""), instance.platform)
            online.setdefault(platform, []).append(instance)
        else:
            unreachable[instance.id] = _why(instance, node)
    return Reach(online, unreachable)


def chunks(instances: Sequence[Instance]) -> Sequence[Sequence[Instance]]:
    """Cut into parts that one request may name."""
    return [instances[start : start + AT_ONCE] for start in range(0, len(instances), AT_ONCE)]


def _why(instance: Instance, node: Mapping[str, Any] | None) -> str:
    if instance.state != "running":
        return f"It is {instance.state}"
    if node is None:
        return "It is not registered with SSM: is the agent installed, and may it call SSM"
    seen = node.get("LastPingDateTime")
    since = f", last heard of at {seen:%Y-%m-%d %H:%M} UTC" if seen is not None else ""
    return f"Its SSM agent does not answer ({node.get('PingStatus')}{since})"

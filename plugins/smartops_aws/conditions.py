"""Failed status checks and scheduled events of instances, from DescribeInstanceStatus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from smartops.backends import Condition, Notice

from .actions import STATUS
from .kit import Region

_MOST_NAMED = 100
"""How many instances one request may name."""

_PAGE = 1000
_EVENTS = (
    "instance-reboot",
    "system-reboot",
    "system-maintenance",
    "instance-retirement",
    "instance-stop",
)
_IMPAIRED: Sequence[tuple[str, Sequence[str]]] = (
    ("instance-status.status", ["impaired"]),
    ("system-status.status", ["impaired"]),
    ("event.code", _EVENTS),
)
"""Filters that together find every instance with something to report."""

_CHECKS = {
    "InstanceStatus": "instance status check",
    "SystemStatus": "system status check",
    "AttachedEbsStatus": "check of the attached volumes",
}
_OVER = ("[Completed]", "[Canceled]")


async def conditions_of(region: Region, ids: Sequence[str]) -> Mapping[str, Condition]:
    """Return the conditions of those instances that have one; raises refusals.

    Many instances are not named: the region is asked for all with a problem.
    """
    if len(ids) <= _MOST_NAMED:
        requests: list[Mapping[str, Any]] = [{"InstanceIds": list(ids)}] if ids else []
    else:
        requests = [
            {"Filters": [{"Name": name, "Values": list(values)}], "MaxResults": _PAGE}
            for name, values in _IMPAIRED
        ]
    wanted, found = frozenset(ids), {}
    for request in requests:
        async for page in region.pages(STATUS, **request):
            for item in page["InstanceStatuses"]:
                condition = Condition(tuple(_failed(item)), tuple(_scheduled(item)))
                if item["InstanceId"] in wanted and condition != Condition():
                    found[item["InstanceId"]] = condition
    return found


def _failed(item: Mapping[str, Any]) -> Iterable[Notice]:
    for member, name in _CHECKS.items():
        status = item.get(member, {})
        if status.get("Status") == "impaired":
            since = [each["ImpairedSince"] for each in status["Details"] if "ImpairedSince" in each]
            yield Notice(name, min(since, default=None))


def _scheduled(item: Mapping[str, Any]) -> Iterable[Notice]:
    for event in item.get("Events", ()):
        description = event.get("Description", "")
        if not description.startswith(_OVER):
            text = f"{event['Code']}: {description}" if description else event["Code"]
            yield Notice(text, event.get("NotBefore"))

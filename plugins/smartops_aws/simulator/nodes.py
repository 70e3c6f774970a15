"""Managed nodes: the instances whose agent SSM knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from .answers import AwsError
from .describe import hostname
from .machines import Instance
from .paging import page
from .request import Request

_PING = {"online": "Online", "lost": "ConnectionLost", "inactive": "Inactive"}
_DEFAULT_SIZE = 10


def managed(instance: Instance, now: float) -> bool:
    """Whether SSM lists an instance: it runs, and its agent has registered."""
    return instance.agent != "missing" and instance.state(now) == "running"


def describe_instance_information(request: Request) -> dict[str, Any]:
    """List nodes, page by page."""
    params, now = request.params, request.now
    found = [each for each in request.world.instances.values() if managed(each, now)]
    for name, values in _filters(params):
        keep = _keep(name, values, now)
        found = [each for each in found if keep(each)]
    wrong = AwsError("InvalidNextToken", "The specified token is not valid.")
    size = params.get("MaxResults", _DEFAULT_SIZE)
    shown, token = page(found, size, params.get("NextToken", ""), "nodes", wrong)
    answer: dict[str, Any] = {"InstanceInformationList": [_fields(request, each) for each in shown]}
    return answer | ({"NextToken": token} if token else {})


def _filters(params: Mapping[str, Any]) -> list[tuple[str, Sequence[str]]]:
    old = [
        (each["key"], each["valueSet"]) for each in params.get("InstanceInformationFilterList", ())
    ]
    return old + [(each["Key"], each["Values"]) for each in params.get("Filters", ())]


def _keep(name: str, values: Sequence[str], now: float) -> Callable[[Instance], bool]:
    if name.startswith("tag:"):
        key = name.removeprefix("tag:")
        return lambda each: each.tags.get(key) in values
    if name == "tag-key":
        return lambda each: bool(each.tags.keys() & set(values))
    if name not in _READ:
        raise AwsError("InvalidFilterKey", "The specified filter key is not valid.")
    read = _READ[name]
    return lambda each: read(each, now) in values


def _ping(instance: Instance, now: float) -> str:
    if instance.agent == "online" and now < instance.awake:
        return "ConnectionLost"
    return _PING[instance.agent]


_READ: Mapping[str, Callable[[Instance, float], str]] = {
    "InstanceIds": lambda each, _: each.id,
    "PingStatus": _ping,
    "PlatformTypes": lambda each, _: each.platform.capitalize(),
    "ResourceType": lambda _, __: "EC2Instance",
    "AgentVersion": lambda _, __: "3.3.3050.0",
}


def _fields(request: Request, each: Instance) -> dict[str, Any]:
    now = request.now
    windows = each.platform == "windows"
    seen = now - (20 if _ping(each, now) == "Online" else 3 * 3600)
    return {
        "InstanceId": each.id,
        "PingStatus": _ping(each, now),
        "LastPingDateTime": datetime.fromtimestamp(seen, UTC),
        "AgentVersion": "3.3.3050.0",
        "IsLatestVersion": False,
        "PlatformType": each.platform.capitalize(),
        "PlatformName": "Microsoft Windows Server 2022 Datacenter" if windows else "Amazon Linux",
        "PlatformVersion": "10.0.20348" if windows else "2023",
        "ResourceType": "EC2Instance",
        "IPAddress": each.private_ip,
        "ComputerName": hostname(request.world, each),
        "SourceId": each.id,
        "SourceType": "AWS::EC2::Instance",
    }

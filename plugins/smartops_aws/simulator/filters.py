"""The filters of DescribeInstances: values with wildcards, ORed; filters, ANDed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from .answers import AwsError
from .describe import hostname, public_hostname, reservation_id, zone
from .machines import CODES, Instance, image
from .world import World
from .xmlwire import moment

Read = Callable[[World, Instance, float], Iterable[str]]
Keep = Callable[[Instance], bool]
_MOST_VALUES = 200


def compiled(filters: Sequence[Mapping[str, Any]], world: World, now: float) -> list[Keep]:
    """Return what the instances must pass; raises AwsError for a filter there is not."""
    if sum(len(each.get("Values", ())) for each in filters) > _MOST_VALUES:
        raise AwsError(
            "FilterLimitExceeded",
            "The maximum number of filter values specified on a single call is 200",
        )
    return [_keep(each, world, now) for each in filters]


def wildcard(pattern: str) -> re.Pattern[str]:
    r"""Return the expression of a value with ``*`` and ``?``, which a ``\`` makes plain."""
    parts = []
    place = 0
    while place < len(pattern):
        letter = pattern[place]
        if letter == "\\" and place + 1 < len(pattern):
            place += 1
            parts.append(re.escape(pattern[place]))
        else:
            parts.append({"*": ".*", "?": "."}.get(letter) or re.escape(letter))
        place += 1
    return re.compile("".join(parts), re.DOTALL)


def _keep(given: Mapping[str, Any], world: World, now: float) -> Keep:
    name = given.get("Name", "")
    values = given.get("Values")
    if not values:
        raise AwsError("InvalidParameterValue", f"The filter '{name}' needs a value")
    read = _read(name)
    exact = {value for value in values if not re.search(r"[*?\\]", value)}
    patterns = [wildcard(value) for value in values if value not in exact]

    def keep(instance: Instance) -> bool:
        return any(
            text in exact or any(pattern.fullmatch(text) for pattern in patterns)
            for text in read(world, instance, now)
        )

    return keep


def _read(name: str) -> Read:
    if name.startswith("tag:"):
        key = name.removeprefix("tag:")
        return lambda _, instance, __: [instance.tags[key]] if key in instance.tags else []
    if name not in _FIELDS:
        raise AwsError("InvalidParameterValue", f"The filter '{name}' is invalid")
    return _FIELDS[name]


def _launched(_: World, instance: Instance, __: float) -> Iterable[str]:
    return [moment(datetime.fromtimestamp(int(instance.launched), UTC))]


def _present(text: str) -> list[str]:
    return [text] if text else []


_FIELDS: Mapping[str, Read] = {
    "instance-id": lambda _, instance, __: [instance.id],
    "instance-type": lambda _, instance, __: [instance.type],
    "instance-state-name": lambda _, instance, now: [instance.state(now)],
    "instance-state-code": lambda _, instance, now: [str(CODES[instance.state(now)])],
    "tag-key": lambda _, instance, __: instance.tags,
    "tag-value": lambda _, instance, __: instance.tags.values(),
    "private-ip-address": lambda _, instance, __: [instance.private_ip],
    "network-interface.addresses.private-ip-address": lambda _, instance, __: [instance.private_ip],
    "ip-address": lambda _, instance, __: _present(instance.public_ip),
    "private-dns-name": lambda world, instance, __: [hostname(world, instance)],
    "dns-name": lambda world, instance, __: _present(public_hostname(world, instance)),
    "platform": lambda _, instance, __: ["windows"] if instance.platform == "windows" else [],
    "platform-details": lambda _, instance, __: [
        "Windows" if instance.platform == "windows" else "Linux/UNIX"
    ],
    "architecture": lambda _, instance, __: ["arm64" if "g." in instance.type else "x86_64"],
    "availability-zone": lambda world, _, __: [zone(world)],
    "image-id": lambda _, instance, __: [image(instance)],
    "key-name": lambda _, __, ___: ["operations"],
    "owner-id": lambda world, _, __: [world.account],
    "reservation-id": lambda _, instance, __: [reservation_id(instance)],
    "vpc-id": lambda _, __, ___: ["vpc-0a1b2c3d4e5f60718"],
    "subnet-id": lambda _, __, ___: ["subnet-0a1b2c3d4e5f6071"],
    "launch-time": _launched,
}

"""An instance in the format of the wire contract, and as a row of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from smartops import Cell, Compute, Instance, Refusal, Severity, timestamp
from smartops.backends import Annotations, Usage

from .usage import percent

Row = tuple[str | Cell, ...]

_STATES = {
    "running": Cell("running", Severity.GOOD),
    "stopped": Cell("stopped", Severity.INFO),
    "terminated": Cell("terminated", Severity.INFO),
}


def instance_data(instance: Instance, usage: Usage) -> dict[str, Any]:
    """Return an element of ``instances`` in the wire contract."""
    return {
        "instanceId": instance.id,
        "name": instance.name,
        "type": instance.type,
        "state": instance.state,
        "platform": instance.platform,
        "privateIp": instance.private_ip,
        "publicIp": instance.public_ip,
        "tags": dict(instance.tags),
        "launchTime": timestamp(instance.launched) if instance.launched else None,
        "backend": instance.backend,
        "metrics": {
            "cpuUtilization": _rounded(usage.cpu),
            "memoryUtilization": _rounded(usage.memory),
            "diskUtilization": _rounded(usage.disk),
            "measuredAt": timestamp(usage.at) if usage.at else None,
        },
    }


async def notes_about(
    annotations: Annotations | None, instances: Sequence[Instance]
) -> tuple[str, ...]:
    """Return what plugins say about the instances, a sentence each."""
    if annotations is None or not instances:
        return ()
    labels = {item.id: item.label for item in instances}
    try:
        found = await annotations.annotations(instances)
    except Refusal as error:
        return (f"Without notes of plugins: {error.message}",)
    return tuple(
        f"{labels.get(item.instance_id, item.instance_id)} is {item.text}" for item in found
    )


def state_cell(instance: Instance) -> Cell:
    """Return a cell with the state: running is good, stopped is info, transitions are warnings."""
    return _STATES.get(instance.state) or Cell(instance.state, Severity.WARNING)


def addresses(instance: Instance) -> str:
    """Return the private and the public address."""
    return " / ".join(filter(None, (instance.private_ip, instance.public_ip)))


def placed(instance: Instance, compute: Compute) -> str:
    """Return an instance's name, with its backend if there are several."""
    if len(compute.members) == 1:
        return instance.label
    return f"{instance.label} in {instance.backend}"


def row(instance: Instance, usage: Usage) -> Row:
    """Return the cells of :data:`COLUMNS`."""
    return (
        instance.label,
        instance.id,
        state_cell(instance),
        instance.type,
        instance.platform,
        addresses(instance),
        percent(usage.cpu),
        percent(usage.memory),
        percent(usage.disk),
    )


USAGE = ("CPU %", "MEM %", "DISK %")

COLUMNS = ("Name", "ID", "State", "Type", "Platform", "IP", *USAGE)

TOGETHER = (
    ("Name", "ID", "IP", "Backend"),
    ("State", "Type", "Platform"),
    (*USAGE, "Measured"),
)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)

"""The command ``show``: all details of one instance."""

from __future__ import annotations

from datetime import datetime

from smartops import (
    Clock,
    Command,
    Compute,
    Fields,
    Instance,
    Metrics,
    Reply,
    Severity,
    Table,
    Text,
    command,
)

from .config import InstancesConfig
from .rows import USAGE, addresses, instance_data, state_cell
from .usage import Measured, measure, percent, span


def showing(config: InstancesConfig, clock: Clock) -> Command:
    """Return the command ``show``."""

    @command(
        "show {target}",
        "show instance {target}",
        examples=("show web-server-01", "show i-0abc123def"),
    )
    async def show(compute: Compute, metrics: Metrics | None, target: Instance) -> Reply:
        """Show one instance with its addresses, tags and usage."""
        measured = await measure(metrics, (target,), config, clock)
        return _reply(target, measured, several=len(compute.members) > 1)

    return show


def _reply(instance: Instance, measured: Measured, *, several: bool) -> Reply:
    blocks: list[Text | Fields | Table] = [
        Text(
            f"{instance.label} is {instance.state}",
            style="title",
            severity=state_cell(instance).severity,
        ),
        _fields(instance, measured, several=several),
    ]
    if instance.tags:
        blocks.append(Table(("Tag", "Value"), tuple(sorted(instance.tags.items()))))
    if measured.note:
        blocks.append(Text(measured.note, style="note", severity=Severity.WARNING))
    data = instance_data(instance, measured.of(instance))
    if measured.note:
        data["note"] = measured.note
    return Reply.of(*blocks, data=data)


def _fields(instance: Instance, measured: Measured, *, several: bool) -> Fields:
    usage = measured.of(instance)
    percents = zip(USAGE, (usage.cpu, usage.memory, usage.disk), strict=True)
    pairs = [
        ("ID", instance.id),
        ("Type", instance.type),
        ("Platform", instance.platform),
        ("Backend", instance.backend if several else ""),
        ("IP", addresses(instance)),
        ("Launched", _since(instance.launched, measured.now)),
        *((name, percent(value)) for name, value in percents if measured.offered),
        ("Measured", _since(usage.at, measured.now)),
    ]
    return Fields(tuple((name, value) for name, value in pairs if value))


def _since(at: datetime | None, now: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC, {span(now - at)} ago" if at else ""

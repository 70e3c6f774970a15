"""The command ``show``: all details of one instance."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from smartops import (
    Clock,
    Command,
    Compute,
    Fields,
    Instance,
    Metrics,
    Refusal,
    Reply,
    Severity,
    Table,
    Text,
    command,
    timestamp,
)
from smartops.backends import Annotations, Condition, Notice

from .config import InstancesConfig
from .rows import USAGE, addresses, instance_data, notes_about, state_cell
from .usage import Measured, measure, percent, span


def showing(config: InstancesConfig, clock: Clock) -> Command:
    """Return the command ``show``."""

    @command(
        "show {target}",
        "show instance {target}",
        examples=("show web-server-01", "show i-0abc123def"),
    )
    async def show(
        compute: Compute,
        metrics: Metrics | None,
        target: Instance,
        annotations: Annotations | None = None,
    ) -> Reply:
        """Show one instance with its addresses, tags and usage."""
        measured = await measure(metrics, (target,), config, clock)
        try:
            condition = (await compute.conditions((target,))).get(target.id, Condition())
            note = ""
        except Refusal as error:
            condition, note = Condition(), f"Without status checks: {error.message}"
        notes = [text for text in (measured.note, note) if text]
        notes += await notes_about(annotations, (target,))
        return _reply(target, measured, condition, notes, several=len(compute.members) > 1)

    return show


def _reply(
    instance: Instance,
    measured: Measured,
    condition: Condition,
    notes: Sequence[str],
    *,
    several: bool,
) -> Reply:
    blocks: list[Text | Fields | Table] = [
        Text(
            f"{instance.label} is {instance.state}",
            style="title",
            severity=Severity.CRITICAL if condition.failed else state_cell(instance).severity,
        ),
        _fields(instance, measured, condition, several=several),
    ]
    if instance.tags:
        blocks.append(Table(("Tag", "Value"), tuple(sorted(instance.tags.items()))))
    blocks += [Text(note, style="note", severity=Severity.WARNING) for note in notes]
    data = instance_data(instance, measured.of(instance))
    data["stateReason"] = instance.state_reason
    data["failedChecks"] = [_notice_data(item) for item in condition.failed]
    data["scheduledEvents"] = [_notice_data(item) for item in condition.scheduled]
    if notes:
        data["note"] = "; ".join(notes)
    return Reply.of(*blocks, data=data)


def _notice_data(notice: Notice) -> dict[str, str | None]:
    return {"text": notice.text, "at": timestamp(notice.at) if notice.at else None}


def _fields(
    instance: Instance, measured: Measured, condition: Condition, *, several: bool
) -> Fields:
    usage = measured.of(instance)
    percents = zip(USAGE, (usage.cpu, usage.memory, usage.disk), strict=True)
    pairs = [
        ("ID", instance.id),
        ("Reason", instance.state_reason),
        *(("Failed", f"{item.text}{_at(item, 'since')}") for item in condition.failed),
        *(("Scheduled", f"{item.text}{_at(item, 'on')}") for item in condition.scheduled),
        ("Type", instance.type),
        ("Platform", instance.platform),
        ("Backend", instance.backend if several else ""),
        ("IP", addresses(instance)),
        ("Launched", _since(instance.launched, measured.now)),
        *((name, percent(value)) for name, value in percents if measured.offered),
        ("Measured", _since(usage.at, measured.now)),
    ]
    return Fields(tuple((name, value) for name, value in pairs if value))


def _at(notice: Notice, word: str) -> str:
    return f", {word} {notice.at:%Y-%m-%d %H:%M} UTC" if notice.at else ""


def _since(at: datetime | None, now: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC, {span(now - at)} ago" if at else ""

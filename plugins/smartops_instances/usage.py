"""The latest usage of instances, as far as it is available."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from smartops import Clock, Instance, Metrics, Refusal
from smartops.backends import Usage, failures_of

from .config import InstancesConfig

_UNKNOWN = Usage()
_OFF = frozenset({"stopped", "terminated"})


@dataclass(frozen=True, slots=True)
class Measured:
    """Usage by instance id. ``note`` says why some is missing, else it is empty.

    ``offered`` is False if no backend offers measurements.
    """

    now: datetime
    stale_after: timedelta
    usage: Mapping[str, Usage] = field(default_factory=dict)
    note: str = ""
    offered: bool = True

    def of(self, instance: Instance) -> Usage:
        """Return the usage of one instance."""
        return self.usage.get(instance.id, _UNKNOWN)

    def age(self, instance: Instance) -> str:
        """Return the age of stale measurements, such as ``2 h``; empty if they are recent."""
        at = self.of(instance).at
        if at is None or self.now - at <= self.stale_after:
            return ""
        return span(self.now - at)


async def measure(
    metrics: Metrics | None,
    instances: Sequence[Instance],
    config: InstancesConfig,
    clock: Clock,
) -> Measured:
    """Return the latest usage of the instances that are not stopped.

    Without a backend there is no usage. If it fails or times out, the result has a note instead.
    """
    on = [instance for instance in instances if instance.state not in _OFF]
    if metrics is None or not on:
        return Measured(clock.now(), config.stale_after, offered=metrics is not None)
    seconds = config.usage_timeout.total_seconds()
    try:
        with clock.fail_after(seconds):
            usage = await metrics.latest(on)
    except Refusal as error:
        note = f"Without measurements: {error.message}"
    except TimeoutError:
        note = f"Without measurements: none came within {seconds:g} seconds"
    else:
        note = "; ".join(f"Without measurements of {failure}" for failure in failures_of(usage))
        return Measured(clock.now(), config.stale_after, usage, note)
    return Measured(clock.now(), config.stale_after, note=note)


def percent(value: float | None) -> str:
    """Return a percentage for a table cell, to one decimal."""
    return "–" if value is None else f"{value:.1f}"  # noqa: RUF001 - the dash is intended


def span(length: timedelta) -> str:
    """Return a duration in its largest unit: ``12 min``, ``2 h``, ``3 d``."""
    minutes = int(length.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h"
    return f"{minutes // 1440} d"

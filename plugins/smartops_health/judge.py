"""Pure functions that judge the state, the age of measurements, and the usage of an instance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from smartops import Instance, Severity
from smartops.backends import Condition, Metric, Sample, Usage

from .config import HealthConfig, Threshold
from .findings import Finding
from .text import minutes

METRICS: tuple[Metric, ...] = ("cpu", "memory", "disk")


@dataclass(frozen=True, slots=True)
class _Texts:
    name: str
    issue: str
    recommendation: str


_TEXTS: Mapping[Metric, _Texts] = {
    "cpu": _Texts(
        "CPU",
        "High CPU usage",
        "Look for the busy process, or give the work to more or larger machines.",
    ),
    "memory": _Texts(
        "Memory",
        "High memory usage",
        "Look for the process that grows, or choose a type with more memory.",
    ),
    "disk": _Texts(
        "Disk",
        "Disk nearly full",
        "Delete or move what is not needed, or enlarge the disk.",
    ),
}


@dataclass(frozen=True, slots=True)
class Streak:
    """An uninterrupted time, up to the latest sample, at or above a level.

    ``average`` is over that time. ``longer``: it fills the whole window, so it may
    have begun earlier.
    """

    length: timedelta
    average: float
    longer: bool


def threshold_of(config: HealthConfig, metric: Metric) -> Threshold:
    """Return the thresholds of a metric."""
    found: Threshold = getattr(config, metric)
    return found


def judge_state(
    config: HealthConfig, instance: Instance, now: datetime, *, named: bool
) -> Finding | None:
    """Judge an instance by its state alone."""
    if instance.state == "running":
        return None
    if instance.state == "pending":
        return _starting(config, instance, now)
    if instance.state in ("shutting-down", "terminated"):
        return _gone(instance) if named else None
    because = _must_run(config, instance)
    if because:
        details = f"{_stands(instance)}, and with the tag {because} it should run."
        return _off(instance, Severity.CRITICAL, details)
    if named:
        return _off(instance, Severity.WARNING, f"{_stands(instance)}.")
    return None


def judge_condition(instance: Instance, condition: Condition) -> Iterator[Finding]:
    """Judge failed status checks and scheduled events of a running instance."""
    for failed in condition.failed:
        since = f" since {failed.at:%Y-%m-%d %H:%M} UTC" if failed.at else ""
        yield Finding(
            instance,
            Severity.CRITICAL,
            "Status check failed",
            f"The {failed.text} fails{since}.",
            "Check its console and reboot it; a stop and a start move it to other hardware.",
            100.0,
        )
    for event in condition.scheduled:
        due = f", on {event.at:%Y-%m-%d %H:%M} UTC" if event.at else ""
        yield Finding(
            instance,
            Severity.WARNING,
            "Scheduled event",
            f"{event.text}{due}.",
            "Do it yourself at a better time, such as by a stop and a start.",
        )


def judge_usage(
    config: HealthConfig, instance: Instance, usage: Usage | None, now: datetime
) -> Finding | None:
    """Judge whether a running instance has recent measurements."""
    if usage is None or usage.at is None:
        if instance.launched is not None and now - instance.launched <= config.stale_after:
            return None
        return _unmeasured(instance, "No measurements", "Nothing is measured.")
    age = now - usage.at
    if age <= config.stale_after:
        return None
    return _unmeasured(instance, "Old measurements", f"Last measured {minutes(age)} ago.")


def judge_series(
    config: HealthConfig,
    metric: Metric,
    instance: Instance,
    samples: Sequence[Sample],
    now: datetime,
) -> Finding | None:
    """Judge a metric by how long it has been above its thresholds."""
    threshold = threshold_of(config, metric)
    if not samples or now - samples[-1].at > config.stale_after + config.period:
        return None
    for severity, level in _levels(threshold):
        found = streak(samples, level, period=config.period, since=now - config.window, now=now)
        if found is not None and found.length >= threshold.sustained:
            return _high(metric, instance, severity, found.average, _for_how_long(found))
    return None


def judge_unchecked(
    config: HealthConfig, metric: Metric, instance: Instance, value: float
) -> Finding | None:
    """Judge a metric by its latest value, if its history is irrelevant or unknown."""
    threshold = threshold_of(config, metric)
    since = "; since when was not looked up" if threshold.sustained else ""
    for severity, level in _levels(threshold):
        if value >= level:
            return _high(metric, instance, severity, value, since)
    return None


def streak(
    samples: Sequence[Sample], level: float, *, period: timedelta, since: datetime, now: datetime
) -> Streak | None:
    """Return the streak at ``level`` that ends with the latest sample, or None.

    The time of a sample is the start of its period. Samples are sorted, oldest
    first, and the first period contains ``since``. A gap of a period or more ends
    the streak.
    """
    run: list[Sample] = []
    for sample in reversed(samples):
        if sample.value < level or (run and run[-1].at - sample.at >= 2 * period):
            break
        run.append(sample)
    if not run:
        return None
    end = min(run[0].at + period, now)
    start = max(run[-1].at, since)
    average = sum(sample.value for sample in run) / len(run)
    return Streak(end - start, average, longer=run[-1].at < since + period)


def _levels(threshold: Threshold) -> tuple[tuple[Severity, float], ...]:
    return (Severity.CRITICAL, threshold.critical), (Severity.WARNING, threshold.warning)


def _for_how_long(found: Streak) -> str:
    return f" for {minutes(found.length)}{' or longer' if found.longer else ''}"


def _high(
    metric: Metric, instance: Instance, severity: Severity, value: float, how_long: str
) -> Finding:
    texts = _TEXTS[metric]
    return Finding(
        instance,
        severity,
        texts.issue,
        f"{texts.name} at {value:.0f}%{how_long}",
        texts.recommendation,
        value,
    )


def _starting(config: HealthConfig, instance: Instance, now: datetime) -> Finding | None:
    since = instance.launched
    if since is None or now - since <= config.starting_limit:
        return None
    return Finding(
        instance,
        Severity.WARNING,
        "Does not get started",
        f"It has been pending for {minutes(now - since)}.",
        "Check its console, or stop it and start it again.",
    )


def _must_run(config: HealthConfig, instance: Instance) -> str:
    for key, values in config.must_run.items():
        value = instance.tags.get(key)
        if value is not None and value in values:
            return f"{key}={value}"
    return ""


def _stands(instance: Instance) -> str:
    reason = f" ({instance.state_reason})" if instance.state_reason else ""
    return f"It is {instance.state}{reason}"


def _off(instance: Instance, severity: Severity, details: str) -> Finding:
    advice = f"If it should run: start {instance.id}"
    return Finding(instance, severity, "Not running", details, advice, 100.0)


def _gone(instance: Instance) -> Finding:
    details = f"{_stands(instance)}."
    return Finding(instance, Severity.WARNING, "Not running", details, "It will not come back.")


def _unmeasured(instance: Instance, issue: str, details: str) -> Finding:
    return Finding(
        instance,
        Severity.WARNING,
        issue,
        details,
        "Check its monitoring agent, and whether it can be reached.",
    )

"""The reply to a check: data in the format of the wire contract, and a view for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smartops import Fields, Instance, Issue, Issues, Reply, Severity, Text
from smartops.backends import Failure

from .config import HealthConfig
from .findings import Finding, Findings
from .text import counted, minutes
from .trends import Trends

_OFF = frozenset({"stopping", "stopped", "shutting-down", "terminated"})


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a check. ``scope`` describes what was checked.

    ``failures`` are the backends that failed, and ``unmeasured`` is the number of
    their instances without measurements. ``notes`` say what could not be checked.
    """

    scope: str
    instances: Sequence[Instance]
    findings: Findings
    trends: Trends
    unmeasured: int = 0
    failures: Sequence[Failure] = ()
    notes: Sequence[str] = ()


def reply(config: HealthConfig, report: Report) -> Reply:
    """Return the reply to a check."""
    summary = _summary(report)
    overall = _overall(report, summary)
    worst = report.findings.worst_first()
    data: dict[str, Any] = {
        "overall_health": overall,
        "summary": summary,
        "issues": [_issue_data(finding) for finding in worst],
        "issues_total": report.findings.total,
        "trends": _trends_data(report.trends),
    }
    if report.failures:
        data["failures"] = [dict(failure.data) for failure in report.failures]
    if report.notes:
        data["notes"] = list(report.notes)
    return Reply.of(*_view(config, report, summary, worst), data=data)


def _summary(report: Report) -> dict[str, int]:
    """Count instances by health; stopped ones without a finding are counted separately."""
    counts = report.findings.counts()
    worst = report.findings.worst
    off = sum(1 for item in report.instances if item.state in _OFF and item.id not in worst)
    warning, critical = counts[Severity.WARNING], counts[Severity.CRITICAL]
    healthy = len(report.instances) - off - warning - critical - report.unmeasured
    return {
        "healthy": healthy,
        "warning": warning,
        "critical": critical,
        "not_running": off,
        "not_measured": report.unmeasured,
    }


def _overall(report: Report, summary: Mapping[str, int]) -> str:
    """Return the worst health; if a backend failed, at least ``warning``."""
    if summary["critical"]:
        return "critical"
    return "warning" if summary["warning"] or report.failures else "healthy"


def _issue_data(finding: Finding) -> dict[str, Any]:
    return {
        "instanceId": finding.instance.id,
        "name": finding.instance.name,
        "severity": finding.severity.value,
        "issue": finding.issue,
        "details": finding.details,
        "recommendation": finding.recommendation,
    }


def _trends_data(trends: Trends) -> dict[str, Any]:
    return {
        **{key: text or "+0%" for key, text in trends.changes.items()},
        "instance_count_change": trends.launched,
        "unknown": [key for key, text in trends.changes.items() if text is None],
    }


_SEVERITIES = {
    "healthy": Severity.GOOD,
    "warning": Severity.WARNING,
    "critical": Severity.CRITICAL,
}


def _view(
    config: HealthConfig, report: Report, summary: Mapping[str, int], worst: Sequence[Finding]
) -> Sequence[Text | Issues | Fields]:
    overall = _overall(report, summary)
    total = counted(len(report.instances), "instance")
    counts = ", ".join(
        f"{count:,} {word.replace('_', ' ')}"
        for word, count in summary.items()
        if count or word not in ("not_running", "not_measured")
    )
    blocks: list[Text | Issues | Fields] = [
        Text(f"Health of {report.scope}: {overall}", style="title", severity=_SEVERITIES[overall]),
        Text(f"{total}: {counts}."),
        *(Text(f"Without {item}", "note", Severity.WARNING) for item in report.failures),
        *(Text(note, "note", Severity.WARNING) for note in report.notes),
    ]
    shown = worst[: config.max_issues]
    if shown:
        blocks.append(Issues(tuple(map(_issue, shown))))
    more = report.findings.total - len(shown)
    if more:
        blocks.append(Text(f"{counted(more, 'more issue')} not shown.", style="note"))
    blocks.append(Text("Trends, against the same time before:", style="note"))
    blocks.append(_trends(config, report.trends))
    blocks += [Text(note, style="note") for note in _notes(report.trends)]
    return blocks


def _issue(finding: Finding) -> Issue:
    return Issue(
        finding.severity,
        finding.instance.label,
        finding.issue,
        finding.details,
        finding.recommendation,
    )


def _trends(config: HealthConfig, trends: Trends) -> Fields:
    window = minutes(config.window)
    names = {
        "cpu_trend": f"CPU, {window}",
        "memory_trend": f"Memory, {window}",
        "disk_trend": f"Disk, {window}",
        **({"cost_trend": "Cost, 7 days"} if trends.billed else {}),
    }
    pairs = [(name, _change(trends.changes[key])) for key, name in names.items()]
    launched = "none" if trends.launched == "+0" else trends.launched
    return Fields((*pairs, (f"Launched, {minutes(config.launch_window)}", launched)))


def _change(text: str | None) -> str:
    return "unknown" if text is None else "unchanged" if text == "+0%" else text


def _notes(trends: Trends) -> Sequence[str]:
    if trends.sample == trends.running:
        return trends.notes
    sampled = f"Usage trends are of {trends.sample:,} of {trends.running:,} running instances."
    return (sampled, *trends.notes)

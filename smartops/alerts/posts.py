"""How a post shows a group of alerts, and what its thread says when that changes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from smartops.reply import Action, Block, Cell, Fields, Reply, Severity, Table, Text
from smartops.store import Alert, Silence
from smartops.values import format_duration

from .matching import silence_of

_LISTED = 10
"""How many alerts of a group a post lists."""
_NAMED = 3
"""How many of the alerts that began a thread names."""
_LABEL = re.compile(r"{(\w+)}")
_WORD = re.compile(r"[\w.:@/-]+")
_SEVERITIES = {
    "critical": Severity.CRITICAL,
    "page": Severity.CRITICAL,
    "warning": Severity.WARNING,
    "info": Severity.INFO,
}
_ORDER = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)


@dataclass(frozen=True)
class Group:
    """The alerts of one post, and the silences in effect."""

    alerts: Sequence[Alert]
    silences: Sequence[Silence]

    @cached_property
    def firing(self) -> list[Alert]:
        """The alerts that fire, the earliest first."""
        firing = (item for item in self.alerts if item.resolved is None)
        return sorted(firing, key=lambda item: (item.started, item.id))

    @cached_property
    def loud(self) -> list[Alert]:
        """The alerts that fire and are not silenced."""
        return [item for item in self.firing if silence_of(item, self.silences) is None]

    @cached_property
    def ended(self) -> float:
        """When the last alert was resolved."""
        return max((item.resolved or 0.0 for item in self.alerts), default=0.0)

    @property
    def silenced_until(self) -> float:
        """When the first silence ends, if all that fires is silenced; else 0."""
        if self.loud or not self.firing:
            return 0.0
        found = (silence_of(item, self.silences) for item in self.firing)
        return min(item.until for item in found if item is not None)


def severity_of(text: str) -> Severity:
    """Return how bad a source's severity is; what is not known is a warning."""
    return _SEVERITIES.get(text.lower(), Severity.WARNING)


def state_of(group: Group) -> str:
    """Return what a post has to show, as JSON: it is edited when this changes."""
    acked = {item.id: item.acked_by for item in group.firing if item.acked_by}
    state = {
        "firing": [item.id for item in group.firing[:_LISTED]],
        "count": len(group.firing),
        "resolved": len(group.alerts) - len(group.firing),
        "acked": dict(sorted(acked.items())[:_LISTED]),
        "silenced": group.silenced_until,
    }
    return json.dumps(state, sort_keys=True)


def lines_of(group: Group, before: str) -> list[str]:
    """Return what to say in the thread about the change since the state ``before``."""
    old, new = json.loads(before), json.loads(state_of(group))
    return [*_begun(group, old), *_acked(group, old, new), *_silenced(old, new), *_over(group, old)]


def _begun(group: Group, old: Mapping[str, Any]) -> Iterator[str]:
    begun = [item for item in group.firing[:_LISTED] if item.id not in old["firing"]]
    more = len(group.firing) - old["count"]
    if more > 0 and begun:
        named = ", ".join(item.title for item in begun[:_NAMED])
        yield f"{more:,} more firing: {named}{', …' if more > _NAMED else ''}"


def _acked(group: Group, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    titles = {item.id: item.title for item in group.firing}
    for alert, person in new["acked"].items():
        if old["acked"].get(alert) != person:
            yield f"{person} works on this: {titles[alert]}"
    for alert in old["acked"]:
        if alert in titles and alert not in new["acked"]:
            yield f"No person works on this now: {titles[alert]}"


def _silenced(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if new["silenced"] and new["silenced"] != old["silenced"]:
        yield f"Silenced until {_time(new['silenced'])} UTC"
    elif old["silenced"] and not new["silenced"] and new["count"]:
        yield "Not silenced any more"


def _over(group: Group, old: Mapping[str, Any]) -> Iterator[str]:
    if old["count"] and not group.firing:
        yield f"Resolved after {_span(group)}"


def reply_of(group: Group, suggest: Iterable[str]) -> Reply:
    """Return what a post shows; ``suggest`` are commands with labels in braces."""
    shown = group.firing or list(group.alerts)
    one = shown[0] if len(shown) == 1 else None
    severities = {severity_of(item.severity) for item in shown}
    worst = next(item for item in _ORDER if item in severities)
    mark = worst if group.firing else Severity.GOOD
    title = one.title if one else f"{len(shown):,} alerts: {shown[0].title}, …"
    view: list[Block] = [Text(title, "title", mark), Text(_status(group), severity=mark)]
    if one is not None:
        view += [Text(one.text)] if one.text else []
        view.append(Fields((*sorted(one.labels.items()), *one.links.items())))
    else:
        view += _table(shown)
    actions = _actions(group, one, tuple(suggest)) if group.firing else ()
    return Reply(view=tuple(view), actions=actions)


def _status(group: Group) -> str:
    if not group.firing:
        return f"Resolved after {_span(group)}"
    words = [f"Firing since {_time(group.firing[0].started)} UTC"]
    people = sorted({item.acked_by for item in group.firing if item.acked_by})
    words += [f"acknowledged by {', '.join(people[:_NAMED])}"] if people else []
    if until := group.silenced_until:
        words.append(f"silenced until {_time(until)} UTC")
    return ", ".join(words)


def _table(shown: Sequence[Alert]) -> list[Block]:
    rows = tuple(
        (item.title, Cell(item.severity or "firing", severity_of(item.severity)), item.id)
        for item in shown[:_LISTED]
    )
    left = len(shown) - _LISTED
    note: list[Block] = [Text(f"and {left:,} more: alerts", style="note")] if left > 0 else []
    return [Table(("Alert", "Severity", "ID"), rows, (("Alert", "ID"),)), *note]


def _actions(group: Group, one: Alert | None, suggest: Sequence[str]) -> tuple[Action, ...]:
    if one is None:
        return (Action("command", "List alerts", f"alerts --source {group.firing[0].source}"),)
    ack = ("Unacknowledge", f"unack {one.id}") if one.acked_by else ("Acknowledge", f"ack {one.id}")
    return (
        Action("command", *ack),
        Action("command", "Silence for 1 hour", f"silence {one.id} for 1h"),
        *(Action("command", text, text) for text in _filled(one, suggest)),
    )


def _filled(alert: Alert, suggest: Sequence[str]) -> Iterator[str]:
    """Return the suggested commands; not those for which a label is missing or no single word."""
    words = {name: text for name, text in alert.labels.items() if _WORD.fullmatch(text)}
    for template in suggest:
        if words.keys() >= set(_LABEL.findall(template)):
            yield _LABEL.sub(lambda match: words[match[1]], template)


def _span(group: Group) -> str:
    first = min(item.started for item in group.alerts)
    seconds = max(1, round(group.ended - first))
    return format_duration(timedelta(seconds=seconds if seconds < 120 else seconds // 60 * 60))


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")

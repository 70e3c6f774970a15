"""Which alerts a set of matchers means: in silences, in routes, and in lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from smartops.event import Event
from smartops.store import Alert, Silence


def alert_of(source: str, event: Event) -> Alert:
    """Return the alert that an event of a source would begin."""
    started = event.started.timestamp()
    described = (event.severity, event.title, event.text, event.labels, event.links)
    return Alert("", source, event.fingerprint, started, *described, started, started, 1)


def facts_of(alert: Alert) -> Mapping[str, str]:
    """Return the labels of an alert, and its source and severity under these names."""
    return {**alert.labels, "source": alert.source, "severity": alert.severity}


def matches(matchers: Mapping[str, str], alert: Alert) -> bool:
    """Return whether an alert has all these values; ``*`` and ``?`` in them are wildcards."""
    facts = facts_of(alert)
    return all(
        name in facts and fnmatchcase(facts[name], pattern.replace("[", "[[]"))
        for name, pattern in matchers.items()
    )


def silence_of(alert: Alert, silences: Iterable[Silence]) -> Silence | None:
    """Return the silence of an alert that ends last, if it has one."""
    of_alert = [item for item in silences if matches(item.matchers, alert)]
    return max(of_alert, key=lambda item: item.until, default=None)

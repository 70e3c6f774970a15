"""Routes: which alerts are posted where, and which of them share a post."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, time
from typing import Self
from zoneinfo import ZoneInfo

from smartops.auth.demands import place
from smartops.config.settings import RouteSettings
from smartops.message import Place
from smartops.store import Alert

from .matching import facts_of, matches


class Route:
    """One route of the configuration; ``places`` are those where it posts."""

    def __init__(self, settings: RouteSettings, places: Mapping[str, str]) -> None:
        self.name = settings.name
        self.places: tuple[Place, ...] = tuple(place(text, places) for text in settings.to)
        self.wait = settings.group_wait.total_seconds()
        self.suggest = settings.suggest
        self._when = settings.when
        self._group_by = settings.group_by
        self._quiet = settings.quiet

    @classmethod
    def all(cls, settings: Iterable[RouteSettings], places: Mapping[str, str]) -> tuple[Self, ...]:
        """Return the routes of a configuration."""
        return tuple(cls(item, places) for item in settings)

    def takes(self, alert: Alert) -> bool:
        """Return whether an alert meets all conditions, each by any of its values."""
        return all(
            any(matches({name: pattern}, alert) for pattern in patterns)
            for name, patterns in self._when.items()
        )

    def group(self, alert: Alert) -> str:
        """Return what alerts of one post have in common: the source, and labels, as JSON."""
        facts = facts_of(alert)
        labels = {name: facts.get(name, "") for name in self._group_by}
        return json.dumps({"source": alert.source, **labels}, sort_keys=True)

    def is_quiet(self, now: datetime) -> bool:
        """Return whether nothing new is posted at this time."""
        if self._quiet is None:
            return False
        local = now.astimezone(ZoneInfo(self._quiet.timezone)).time()
        start, end = time.fromisoformat(self._quiet.start), time.fromisoformat(self._quiet.until)
        inside = start <= local < end
        return inside if start <= end else not end <= local < start

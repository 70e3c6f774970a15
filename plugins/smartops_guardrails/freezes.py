"""Which freezes stand: those of the configuration and those that people set."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from smartops import Call, Effect, ValidationFailed
from smartops.guards import Conditions, last_start, next_start

from .config import FreezeSettings, GuardrailsConfig
from .holds import Hold, Holds

_TAG = re.compile(r"[\w.:/@+-]+(?: [\w.:/@+-]+)*=[\w.:/@+-]+(?: [\w.:/@+-]+)*")
_CHANGES = Conditions(effects=("change", "dangerous"))

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Frozen:
    """A freeze that binds a call: until when, and in ``details`` who set it, why, who lifts it."""

    scope: str
    end: datetime
    details: str


def span_of(freeze: FreezeSettings, now: datetime, zone: ZoneInfo) -> Span | None:
    """Return the beginning and the end of the freeze that stands, else of the next one."""
    if freeze.cron is None:
        assert freeze.start is not None
        assert freeze.until is not None
        return (freeze.start, freeze.until) if now < freeze.until else None
    assert freeze.duration is not None
    zone = ZoneInfo(freeze.timezone) if freeze.timezone else zone
    begun = last_start(freeze.cron, now, zone)
    if begun is not None and now < begun + freeze.duration:
        return begun, begun + freeze.duration
    begins = next_start(freeze.cron, now, zone)
    return (begins, begins + freeze.duration) if begins else None


class Freezes:
    """The freezes of the configuration, those of people, and the scopes that can be frozen."""

    def __init__(self, config: GuardrailsConfig, holds: Holds) -> None:
        self._config = config
        self._holds = holds
        self.concern_reads = any("read" in scope.effects for scope in config.scopes.values())

    def check_scope(self, name: str) -> None:
        """Raise ValidationFailed if this is no scope that a person can name."""
        if name in self._config.scopes or _TAG.fullmatch(name):
            return
        known = ", ".join(self._config.scopes)
        raise ValidationFailed(
            f"{name[:40]!r} cannot be frozen",
            details=f"Name {f'one of {known}, or ' if known else ''}a tag: KEY=VALUE",
        )

    def tags(self, name: str) -> Mapping[str, Sequence[str]]:
        """Return the tags of the instances in a scope."""
        return self._scope(name).tags

    def binding(
        self, call: Call, effect: Effect, now: datetime, holds: Iterable[Hold]
    ) -> list[Frozen]:
        """Return all freezes that bind the call, the one that ends last first."""
        found = [*self._configured(call, effect, now), *self._set(call, effect, holds)]
        return sorted(found, key=lambda item: item.end, reverse=True)

    def _configured(self, call: Call, effect: Effect, now: datetime) -> Iterator[Frozen]:
        for freeze in self._config.freezes:
            excepted = not call.person.roles.isdisjoint(freeze.except_roles)
            if excepted or not self._covers(freeze.scope, call, effect):
                continue
            span = span_of(freeze, now, self._config.zone)
            if span is not None and span[0] <= now:
                free = " and ".join(f"the role {role}" for role in freeze.except_roles)
                exception = f" It does not bind {free}." if free else ""
                text = (
                    f"Set by the configuration ({freeze.name}), which alone can lift it. "
                    f"Reason: {freeze.reason}.{exception}"
                )
                yield Frozen(freeze.scope, span[1], text)

    def _set(self, call: Call, effect: Effect, holds: Iterable[Hold]) -> Iterator[Frozen]:
        for hold in holds:
            if hold.kind == "freeze" and self._covers(hold.subject, call, effect):
                text = f"Set by {hold.person}. {self._holds.details(hold)}"
                yield Frozen(hold.subject, hold.end, text)

    def _covers(self, name: str, call: Call, effect: Effect) -> bool:
        scope = self._scope(name)
        return (effect is not Effect.READ or "read" in scope.effects) and scope.met(call, effect)

    def _scope(self, name: str) -> Conditions:
        """Return the conditions of a scope; one that was removed from the file has all changes."""
        found = self._config.scopes.get(name) or (_tagged(name) if "=" in name else None)
        return found or _CHANGES


@lru_cache
def _tagged(name: str) -> Conditions:
    key, _, value = name.partition("=")
    return Conditions(tags={key: (value,)})

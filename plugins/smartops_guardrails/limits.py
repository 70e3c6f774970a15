"""Limits of how many instances may be changed: by one change, and within an hour."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from cachetools import TTLCache

from smartops import (
    BackendUnavailable,
    Call,
    Compute,
    Effect,
    Instance,
    PermissionDenied,
    Plan,
    Reply,
    Services,
)
from smartops.backends import Query, literal
from smartops.guards import Conditions, NeedsApproval

from .config import LimitSettings

HOUR = 3600.0

Counted = dict[str, tuple[float, str]]
"""When each instance was changed, and its value of the tag that makes groups."""


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What the guard found: the targets that count, and whether the limit does not hold."""

    targets: tuple[Instance, ...] = ()
    lifted: bool = False


class Limit:
    """One limit. The guard asks others for their approval beyond it; the layer counts.

    The guard is asked several times for a change, the layer runs once, right before its
    effect. So two changes that begin at once cannot exceed the limit together.
    """

    def __init__(self, settings: LimitSettings, scope: Conditions, services: Services) -> None:
        self._settings = settings
        self._scope = scope
        self._services = services
        self._key = f"limit/{settings.name}"
        self._verdicts: TTLCache[tuple[str, str], _Verdict] = TTLCache(
            10_000, HOUR, timer=services.clock.time
        )

    async def check(self, call: Call, effect: Effect, plan: Plan | None) -> NeedsApproval | None:
        """Return which approval a change beyond the limit needs; raises if there is none."""
        targets = self._counting(call, effect)
        excess = ""
        if targets and not call.emergency:
            excess = await self._excess(targets, self._recent(await self._stored()))
        lifted = bool(excess or call.emergency)
        self._verdicts[self._verdict_key(call)] = _Verdict(targets, lifted)
        if not excess:
            return None
        if self._settings.approval_roles:
            return NeedsApproval(self._settings.approval_roles, excess, self._settings.approvals)
        raise PermissionDenied(f"Too many instances: {excess}", details="Name fewer instances")

    async def count(self, call: Call, call_next: Callable[[Call], Awaitable[Reply]]) -> Reply:
        """Count the targets of a change before it runs; raises PermissionDenied if too many."""
        verdict = self._verdicts.pop(self._verdict_key(call), None)
        if verdict is None:  # the guard of this process has not seen it lately
            verdict = _Verdict(self._counting(call, Effect.CHANGE))
        if verdict.targets and (self._settings.per_hour or self._settings.share):
            try:
                await self._take(verdict)
            except (BackendUnavailable, ValueError) as error:
                raise PermissionDenied(
                    f"The instances of {self._settings.name} cannot be counted now",
                    details=f"Nothing was done: {error}",
                ) from error
        return await call_next(call)

    async def _take(self, verdict: _Verdict) -> None:
        while True:
            old = await self._stored()
            counted = self._recent(old)
            excess = "" if verdict.lifted else await self._excess(verdict.targets, counted)
            if excess:
                raise PermissionDenied(
                    f"Too many instances: {excess}",
                    details="Others were changed in the meantime. Nothing was done.",
                )
            now = self._services.clock.time()
            counted |= {item.id: (now, self._group(item)) for item in verdict.targets}
            if await self._services.kv.swap(self._key, old, json.dumps(counted)):
                return

    async def _excess(self, targets: Iterable[Instance], counted: Counted) -> str:
        """Return in what way the limit is exceeded; empty if it is not."""
        settings, ids = self._settings, {item.id for item in targets}
        if settings.per_change is not None and len(ids) > settings.per_change:
            return f"{settings.name} allows {settings.per_change} in one change, not {len(ids)}"
        changed = counted.keys() | ids
        if settings.per_hour is not None and len(changed) > settings.per_hour:
            return f"{settings.name} allows {settings.per_hour} in an hour, not {len(changed)}"
        if settings.share is None:
            return ""
        for value in sorted({self._group(item) for item in targets} - {""}):
            others = {id_ for id_, (_, group) in counted.items() if group == value}
            own = {item.id for item in targets if self._group(item) == value}
            size = await self._size(value)
            most = max(1, size * settings.share // 100)
            if len(own | others) > most:
                return (
                    f"{settings.name} allows {settings.share}% of {settings.group}={value} in an "
                    f"hour, which is {most} of {size}, not {len(own | others)}"
                )
        return ""

    async def _size(self, value: str) -> int:
        """Return how many instances have this value of the tag."""
        compute: Compute = self._services.capabilities[Compute]
        tags = {self._settings.group: (literal(value),)}
        page = await compute.list(Query(tags=tags, states=Query.EXISTING, limit=1))
        return sum(page.counts.values())

    def _counting(self, call: Call, effect: Effect) -> tuple[Instance, ...]:
        """Return the targets of a change that the limit is about."""
        changes = effect is not Effect.READ and call.owner != self._services.plugin
        if not changes or not self._scope.met(call, effect):
            return ()
        return self._scope.among(call.targets)

    def _group(self, instance: Instance) -> str:
        return instance.tags.get(self._settings.group, "") if self._settings.group else ""

    async def _stored(self) -> str | None:
        return await self._services.kv.get(self._key)

    def _recent(self, stored: str | None) -> Counted:
        """Return the instances that were changed within the last hour."""
        since = self._services.clock.time() - HOUR
        found: Mapping[str, tuple[float, str]] = json.loads(stored) if stored else {}
        return {id_: (at, group) for id_, (at, group) in found.items() if at > since}

    @staticmethod
    def _verdict_key(call: Call) -> tuple[str, str]:
        return call.message.request_id, call.command

"""The guard, which refuses what is frozen or locked, and what it says about locked instances."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from smartops import Call, Effect, Instance, PermissionDenied, Plan, Services
from smartops.backends import Annotation, Annotations

from .config import GuardrailsConfig
from .freezes import Freezes
from .holds import Hold, Holds
from .times import shown

_MOST = 10
"""How many locks or freezes a refusal explains."""


class Guardrails(Annotations):
    """Refuses calls of other plugins; the commands of this one are not held up by it."""

    def __init__(
        self, config: GuardrailsConfig, services: Services, freezes: Freezes, holds: Holds
    ) -> None:
        self.name = services.plugin
        self._zone = config.zone
        self._clock = services.clock
        self._freezes = freezes
        self._holds = holds

    async def check(self, call: Call, effect: Effect, plan: Plan | None) -> None:
        """Raise PermissionDenied if a freeze, a lock or a limit refuses the call."""
        if call.owner == self.name:
            return
        if effect is Effect.READ and not self._freezes.concern_reads:
            return
        holds = await self._holds.all(fresh=plan is not None)
        if effect is not Effect.READ:
            self._check_locks(call, holds)
        if not call.emergency:
            self._check_freezes(call, effect, holds)

    async def ping(self) -> None:
        """Raise BackendUnavailable if the store cannot be read."""
        await self._holds.all()

    async def annotations(self, instances: Sequence[Instance]) -> Sequence[Annotation]:
        """Return the locks of the instances."""
        ids = {item.id for item in instances}
        locks = (item for item in await self._holds.all(fresh=False) if item.kind == "lock")
        return [
            Annotation(item.subject, f"{item.state(self._zone)}: {item.reason}")
            for item in locks
            if item.subject in ids
        ]

    def _check_locks(self, call: Call, holds: Iterable[Hold]) -> None:
        ids, person = {target.id for target in call.targets}, call.person.name
        locks = (item for item in holds if item.kind == "lock" and item.person != person)
        found = [item for item in locks if item.subject in ids]
        if found:
            lines = [
                f"{item.label} is {item.state(self._zone)}. {self._holds.details(item)}"
                for item in found[:_MOST]
            ]
            more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
            names = ", ".join(item.label for item in found[:_MOST])
            raise PermissionDenied(f"Locked: {names}{more}", details="\n".join(lines))

    def _check_freezes(self, call: Call, effect: Effect, holds: Iterable[Hold]) -> None:
        found = self._freezes.binding(call, effect, self._clock.now(), holds)
        if found:
            names = list(dict.fromkeys(item.scope for item in found))
            are = "is" if len(names) == 1 else "are"
            raise PermissionDenied(
                f"{' and '.join(names)} {are} frozen until {shown(found[0].end, self._zone)}",
                details="\n".join(item.details for item in found[:_MOST]),
            )

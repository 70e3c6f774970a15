"""The commands ``freeze``, ``unfreeze`` and ``freezes``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from smartops import (
    Call,
    Cell,
    Change,
    Command,
    Compute,
    Effect,
    Plan,
    Reply,
    Services,
    Severity,
    Table,
    Text,
    command,
    timestamp,
)
from smartops.backends import Query, literal

from .config import GuardrailsConfig
from .freezes import Freezes, span_of
from .holds import Hold, Holds
from .setting import Setter, Terms
from .times import Moment, shown


def freezing(
    config: GuardrailsConfig, services: Services, freezes: Freezes, holds: Holds, setter: Setter
) -> tuple[Command, ...]:
    """Return the commands."""
    return (
        _freeze(setter, freezes),
        _unfreeze(config, holds),
        _freezes(config, services, holds),
    )


def _freeze(setter: Setter, freezes: Freezes) -> Command:
    @command(
        "freeze {scope} until {until} because {reason...}",
        "freeze {scope} for {duration} because {reason...}",
        effect=Effect.CHANGE,
        examples=(
            "freeze production until 18:00 because the release is under way",
            "freeze Environment=production for 2h because the database moves",
        ),
    )
    async def freeze(
        call: Call,
        plan: Plan,
        compute: Compute | None,
        *,
        scope: str,
        reason: str,
        until: Moment | None = None,
        duration: timedelta | None = None,
    ) -> Reply:
        """Freeze a scope: changes of it are refused until the freeze ends or is lifted.

        A scope is one that the configuration names, or a tag, KEY=VALUE.
        """
        terms = Terms("freeze", scope, scope, reason, until, duration)
        hold = await setter.set(call, plan, terms)
        warnings = await _warnings(freezes, compute, scope)
        notes = [Text(item, "note", Severity.WARNING) for item in warnings]
        text = Text(setter.outcome(hold), severity=Severity.GOOD)
        return Reply.of(text, *notes, data=_line(hold).data)

    @freeze.plan
    async def plan(
        call: Call,
        compute: Compute | None,
        *,
        scope: str,
        reason: str,
        until: Moment | None,
        duration: timedelta | None,
    ) -> Plan:
        freezes.check_scope(scope)
        planned = await setter.plan(call, Terms("freeze", scope, scope, reason, until, duration))
        return replace(planned, warnings=await _warnings(freezes, compute, scope))

    return freeze


async def _warnings(freezes: Freezes, compute: Compute | None, scope: str) -> tuple[str, ...]:
    """Return a warning if there is no instance that the freeze is about."""
    tags = freezes.tags(scope)
    if compute is None or not tags:
        return ()
    exact = "=" in scope
    wanted = {key: tuple(map(literal, values) if exact else values) for key, values in tags.items()}
    found = await compute.list(Query(tags=wanted, states=Query.EXISTING, limit=1))
    if found.instances or found.failures:
        return ()
    pairs = " and ".join(f"{key}={' or '.join(values)}" for key, values in tags.items())
    return (f"No instance has the tag {pairs} now.",)


def _unfreeze(config: GuardrailsConfig, holds: Holds) -> Command:
    @command("unfreeze {scope}", effect=Effect.CHANGE, examples=("unfreeze production",))
    async def unfreeze(call: Call, scope: str) -> Reply:
        """Lift a freeze that a person has set."""
        hold = await holds.standing("freeze", scope, scope)
        holds.check(hold, call.person)
        await holds.lift(hold)
        text = f"{scope} is not frozen any more."
        return Reply.of(Text(text, severity=Severity.GOOD), data={"unfrozen": scope})

    @unfreeze.plan
    async def plan(scope: str) -> Plan:
        hold = await holds.standing("freeze", scope, scope)
        change = Change(scope, scope, hold.state(config.zone), "not frozen")
        return Plan(f"{hold.title}: {hold.reason}", (change,))

    @unfreeze.guard
    async def check(call: Call, scope: str) -> None:
        if (hold := await holds.find("freeze", scope)) is not None:
            holds.check(hold, call.person)

    return unfreeze


def _freezes(config: GuardrailsConfig, services: Services, holds: Holds) -> Command:
    zone = config.zone

    @command("freezes")
    async def freezes() -> Reply:
        """List what is frozen, and the next freezes of the configuration."""
        now = services.clock.now()
        found = [
            _Line(item.scope, *pair, f"the configuration ({item.name})", item.reason)
            for item in config.freezes
            if (pair := span_of(item, now, zone))
        ]
        found += [_line(item) for item in await holds.all() if item.kind == "freeze"]
        if not found:
            return Reply.of("Nothing is frozen.", data={"freezes": []})
        found.sort(key=lambda item: (item.start, item.scope))
        columns = ("Scope", "State", "From", "Until", "Set by", "Reason")
        together = (("Scope", "Set by"), ("State", "From", "Until"))
        rows = tuple(item.row(now, zone) for item in found)
        data = {"freezes": [{**item.data, "frozen": item.start <= now} for item in found]}
        return Reply.of(Table(columns, rows, together), data=data)

    return freezes


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the list of freezes."""

    scope: str
    start: datetime
    end: datetime
    by: str
    reason: str

    def row(self, now: datetime, zone: ZoneInfo) -> tuple[str | Cell, ...]:
        """Return the cells."""
        state = Cell("frozen", Severity.WARNING) if self.start <= now else "later"
        times = shown(self.start, zone), shown(self.end, zone)
        return (self.scope, state, *times, self.by, self.reason)

    @property
    def data(self) -> dict[str, Any]:
        """The line for programs."""
        return {
            "scope": self.scope,
            "from": timestamp(self.start),
            "until": timestamp(self.end),
            "by": self.by,
            "reason": self.reason,
        }


def _line(hold: Hold) -> _Line:
    start = datetime.fromtimestamp(hold.since, UTC)
    return _Line(hold.subject, start, hold.end, hold.person, hold.reason)

"""The commands ``freeze``, ``unfreeze`` and ``freezes``."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

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

from .config import FreezeSettings, GuardrailsConfig
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
        return Reply.of(text, *notes, data=_data(hold))

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
        found = [item for item in await holds.all() if item.kind == "freeze"]
        found += [
            Hold("freeze", item.scope, item.scope, _by(item), item.reason, *map(_seconds, pair))
            for item in config.freezes
            if (pair := span_of(item, now, zone))
        ]
        if not found:
            return Reply.of("Nothing is frozen.", data={"freezes": []})
        found.sort(key=lambda item: (item.since, item.subject))
        columns = ("Scope", "State", "From", "Until", "Set by", "Reason")
        together = (("Scope", "Set by"), ("State", "From", "Until"))
        rows = tuple(
            (
                item.subject,
                Cell("frozen", Severity.WARNING) if item.start <= now else "later",
                shown(item.start, zone),
                shown(item.end, zone),
                item.person,
                item.reason,
            )
            for item in found
        )
        data = [{**_data(item), "frozen": item.start <= now} for item in found]
        return Reply.of(Table(columns, rows, together), data={"freezes": data})

    return freezes


def _by(freeze: FreezeSettings) -> str:
    return f"the configuration ({freeze.name})"


def _seconds(moment: datetime) -> float:
    return moment.timestamp()


def _data(hold: Hold) -> dict[str, Any]:
    return {
        "scope": hold.subject,
        "from": timestamp(hold.start),
        "until": timestamp(hold.end),
        "by": hold.person,
        "reason": hold.reason,
    }

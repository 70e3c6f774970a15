"""The commands ``lock``, ``unlock`` and ``locks``."""

from __future__ import annotations

from datetime import timedelta

from smartops import (
    Call,
    Change,
    Command,
    Effect,
    Instance,
    Plan,
    Reply,
    Severity,
    Table,
    Text,
    command,
    timestamp,
)

from .config import GuardrailsConfig
from .holds import Hold, Holds
from .setting import Setter, Terms
from .times import Moment, shown


def locking(config: GuardrailsConfig, holds: Holds, setter: Setter) -> tuple[Command, ...]:
    """Return the commands."""
    return _lock(setter), _unlock(config, holds), _locks(config, holds)


def _lock(setter: Setter) -> Command:
    @command(
        "lock {target} for {duration} {reason...}",
        "lock {target} until {until} {reason...}",
        effect=Effect.CHANGE,
        examples=('lock web-server-01 for 2h "migration"',),
    )
    async def lock(
        call: Call,
        plan: Plan,
        *,
        target: Instance,
        reason: str,
        duration: timedelta | None = None,
        until: Moment | None = None,
    ) -> Reply:
        """Lock an instance: others cannot change it until the lock ends or is lifted."""
        terms = Terms("lock", target.id, target.label, reason, until, duration)
        hold = await setter.set(call, plan, terms)
        return Reply.of(Text(setter.outcome(hold), severity=Severity.GOOD), data=_data(hold))

    @lock.plan
    async def plan(
        call: Call,
        *,
        target: Instance,
        reason: str,
        duration: timedelta | None,
        until: Moment | None,
    ) -> Plan:
        terms = Terms("lock", target.id, target.label, reason, until, duration)
        return await setter.plan(call, terms)

    return lock


def _unlock(config: GuardrailsConfig, holds: Holds) -> Command:
    @command("unlock {target}", effect=Effect.CHANGE, examples=("unlock web-server-01",))
    async def unlock(call: Call, target: Instance) -> Reply:
        """Lift the lock of an instance."""
        hold = await holds.standing("lock", target.id, target.label)
        holds.check(hold, call.person)
        await holds.lift(hold)
        text = f"{target.label} is not locked any more."
        return Reply.of(Text(text, severity=Severity.GOOD), data={"unlocked": target.id})

    @unlock.plan
    async def plan(target: Instance) -> Plan:
        hold = await holds.standing("lock", target.id, target.label)
        change = Change(target.id, target.label, hold.state(config.zone), "not locked")
        return Plan(f"{hold.title}: {hold.reason}", (change,))

    @unlock.guard
    async def check(call: Call, target: Instance) -> None:
        if (hold := await holds.find("lock", target.id)) is not None:
            holds.check(hold, call.person)

    return unlock


def _locks(config: GuardrailsConfig, holds: Holds) -> Command:
    @command("locks")
    async def locks() -> Reply:
        """List the locked instances."""
        found = [item for item in await holds.all() if item.kind == "lock"]
        if not found:
            return Reply.of("Nothing is locked.", data={"locks": []})
        rows = tuple(
            (item.label, item.subject, shown(item.end, config.zone), item.person, item.reason)
            for item in found
        )
        columns = ("Instance", "ID", "Until", "Locked by", "Reason")
        together = (("Instance", "ID"), ("Until", "Locked by"))
        data = {"locks": [_data(item) for item in found]}
        return Reply.of(Table(columns, rows, together), data=data)

    return locks


def _data(hold: Hold) -> dict[str, str]:
    return {
        "instanceId": hold.subject,
        "name": hold.label,
        "by": hold.person,
        "until": timestamp(hold.end),
        "reason": hold.reason,
    }

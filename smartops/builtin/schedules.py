"""The commands about schedules."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from smartops.auth.demands import place
from smartops.command import Call, Command, Effect, command
from smartops.cron import why_no_cron
from smartops.errors import PermissionDenied, ValidationFailed
from smartops.jsonable import timestamp
from smartops.middleware.access import identify, may_ever
from smartops.middleware.steps import Parts
from smartops.plan import Plan
from smartops.reply import Reply, Table
from smartops.schedules import DAYS, KEEP, Schedule

_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_MOST = 100
"""How many schedules people can have altogether."""


@command(
    "schedule {text} every {day} at {time} [in {timezone}] [to {where}]",
    "schedule {text} cron {cron} [in {timezone}] [to {where}]",
    effect=Effect.CHANGE,
    examples=(
        'schedule "check health" every weekday at 09:00 in Europe/Berlin',
        'schedule "list instances --state stopped" cron "0 9 1 * *"',
    ),
)
async def schedule(
    call: Call,
    core: Parts,
    *,
    text: str,
    day: str = "",
    time: str = "",
    cron: str = "",
    timezone: str = "UTC",
    where: str = "",
) -> Reply:
    """Run a command at times, as you and with your rights of that moment.

    Replies are posted here, or in a place that you name. A change asks for confirmation each time.
    """
    made = _made(call, core, text, _cron(day, time, cron), timezone=timezone, where=where)
    made = replace(made, id=f"sc-{secrets.token_hex(4)}", since=core.clock.time())
    if len(await stored(core)) >= _MOST:
        raise ValidationFailed(f"There are {_MOST} schedules already", details="See: schedules")
    await core.store.put_fact(KEEP, made.id, made.dump())
    text = f"{made.id} runs next at {_shown(made.next(core.clock.now()))}: {made.text}"
    return Reply.of(text, data=_data(made, core))


@schedule.plan
async def plan_schedule(
    call: Call,
    core: Parts,
    *,
    text: str,
    day: str,
    time: str,
    cron: str,
    timezone: str,
    where: str,
) -> Plan:
    """Say what would run when, and where its replies would be posted."""
    made = _made(call, core, text, _cron(day, time, cron), timezone=timezone, where=where)
    when = f"at {made.cron} ({made.timezone})"
    return Plan(f'Run "{made.text}" {when} as {call.person.name}, with replies in {made.place}')


@command("schedules")
async def schedules(core: Parts) -> Reply:
    """List what runs at times, and when next."""
    found = [*core.schedules.fixed, *await stored(core)]
    data = {"schedules": [_data(item, core) for item in found]}
    if not found:
        return Reply.of("Nothing is scheduled.", data=data)
    now = core.clock.now()
    rows = tuple(
        (
            item.id,
            item.text,
            "paused" if item.paused else _shown(item.next(now)),
            _owner(core, item),
            item.place,
        )
        for item in found
    )
    columns = ("ID", "Command", "Next", "As", "In")
    return Reply.of(Table(columns, rows, (("Command", "ID"), ("As", "In"))), data=data)


@command("pause {schedule}", effect=Effect.CHANGE, examples=("pause sc-01234567",))
async def pause(call: Call, core: Parts, schedule: str) -> Reply:
    """Stop a schedule of yours until it is resumed."""
    found = await _own(call, core, schedule)
    await core.store.put_fact(KEEP, found.id, replace(found, paused=True).dump())
    return Reply.of(f"{found.id} does not run until: resume {found.id}")


@command("resume {schedule}", effect=Effect.CHANGE, examples=("resume sc-01234567",))
async def resume(call: Call, core: Parts, schedule: str) -> Reply:
    """Let a schedule of yours run again; what was missed is not made up for."""
    found = await _own(call, core, schedule)
    resumed = replace(found, paused=False, since=core.clock.time())
    await core.store.put_fact(KEEP, found.id, resumed.dump())
    return Reply.of(f"{found.id} runs next at {_shown(resumed.next(core.clock.now()))}")


@command("unschedule {schedule}", effect=Effect.CHANGE, examples=("unschedule sc-01234567",))
async def unschedule(call: Call, core: Parts, schedule: str) -> Reply:
    """Delete a schedule of yours."""
    found = await _own(call, core, schedule)
    await core.store.drop_fact(KEEP, found.id)
    return Reply.of(f"{found.id} does not run any more: {found.text}")


@command(
    "run schedule {schedule} [now]", effect=Effect.CHANGE, examples=("run schedule sc-01234567",)
)
async def run_schedule(call: Call, core: Parts, schedule: str) -> Reply:
    """Run a schedule of yours once more, within seconds."""
    found = await _own(call, core, schedule)
    again = replace(found, now=core.clock.time())
    await core.store.put_fact(KEEP, found.id, again.dump())
    return Reply.of(f"{found.id} runs now, with replies in {found.place}: {found.text}")


@pause.plan
@resume.plan
@unschedule.plan
@run_schedule.plan
async def plan_own(call: Call, core: Parts, schedule: str) -> Plan:
    """Say which schedule it is about."""
    found = await _own(call, core, schedule)
    return Plan(f"{call.command.capitalize()} {found.id}: {found.text}")


SCHEDULE_COMMANDS: tuple[Command, ...] = tuple(
    item.owned("schedules")
    for item in (schedule, schedules, pause, resume, unschedule, run_schedule)
)
"""The commands about schedules."""


async def stored(core: Parts) -> Sequence[Schedule]:
    """Return the schedules that people have made."""
    found = await core.store.facts(KEEP)
    return [Schedule.load(value) for _, value in sorted(found.items())]


def _made(call: Call, core: Parts, text: str, cron: str, *, timezone: str, where: str) -> Schedule:
    """Return the schedule without its id; raises ValidationFailed for whatever is wrong."""
    permitted = partial(may_ever, core.policy, call.person, place=call.message.place)
    parsed = core.grammar.parse(text, permitted)
    if parsed.command.owner in ("core", "schedules"):
        raise ValidationFailed(f"{parsed.command.name} cannot be scheduled")
    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError):
        raise ValidationFailed(
            f"There is no time zone {timezone[:40]}", details="Write for example Europe/Berlin"
        ) from None
    target = place(where, core.schedules.places) if where else call.message.place
    if target.channel not in core.schedules.channels or not target.room:
        raise ValidationFailed(
            f"Nothing can be posted in {where or 'this place'}",
            details="Name a place: to NAME, or to channel/tenant/team/room",
        )
    return Schedule("", call.person.identity, parsed.text, cron, timezone, str(target))


def _cron(day: str, time: str, cron: str) -> str:
    if cron:
        if why := why_no_cron(cron):
            raise ValidationFailed(f"That is no cron expression: {why}")
        return cron
    clock = _CLOCK.fullmatch(time)
    days = DAYS.get(day.lower().removesuffix("s"))
    if clock is None or days is None:
        raise ValidationFailed(
            f"That is no time: every {day} at {time}",
            details="Write for example: every weekday at 09:00, or: every monday at 18:30",
        )
    return f"{int(clock[2])} {int(clock[1])} * * {days}"


async def _own(call: Call, core: Parts, id: str) -> Schedule:
    """Return a schedule of the person who asks; raises a refusal if there is none."""
    if any(item.id == id for item in core.schedules.fixed):
        raise PermissionDenied(f"{id} is in the configuration file, which alone can change it")
    for item in await stored(core):
        if item.id == id:
            if (owner := _owner(core, item)) != call.person.name:
                raise PermissionDenied(f"{id} is {owner}'s")
            return item
    raise ValidationFailed(f"There is no schedule {id}", details="See: schedules")


def _data(item: Schedule, core: Parts) -> dict[str, Any]:
    now = core.clock.now()
    upcoming = None if item.paused else item.next(now)
    return {
        "schedule": item.id,
        "command": item.text,
        "cron": item.cron,
        "timezone": item.timezone,
        "person": _owner(core, item),
        "place": item.place,
        "next": upcoming and timestamp(upcoming),
        "paused": item.paused,
    }


def _shown(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M %Z}" if at else "never"


def _owner(core: Parts, item: Schedule) -> str:
    return identify(core, item.identity).name

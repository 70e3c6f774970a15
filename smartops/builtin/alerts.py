"""The commands about alerts: list, show, acknowledge and silence them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from smartops.alerts import facts_of, matches, severity_of, silence_of
from smartops.command import Call, Command, Effect, command
from smartops.errors import ValidationFailed
from smartops.jsonable import timestamp
from smartops.middleware.steps import Parts
from smartops.nearness import near
from smartops.plan import Plan
from smartops.reply import Action, Cell, Fields, Reply, Severity, Table, Text
from smartops.store import Alert, Silence
from smartops.values import format_duration

from .audit import when

_LONGEST = timedelta(days=30)


@command("alerts", examples=("alerts", "alerts --severity critical"))
async def alerts(
    core: Parts,
    *,
    severity: str | None = None,
    source: str | None = None,
    resolved: timedelta | None = None,
    limit: int = 20,
) -> Reply:
    """List the alerts that fire, newest first.

    With --resolved 2h also those that were resolved since then.
    """
    if not 1 <= limit <= 100:
        raise ValidationFailed("--limit must be between 1 and 100")
    since = core.clock.time() - resolved.total_seconds() if resolved else None
    found = await core.store.alerts(resolved_since=since)
    wanted = {"severity": severity, "source": source}
    matchers = {name: value for name, value in wanted.items() if value is not None}
    shown = [alert for alert in found if matches(matchers, alert)]
    silences = await core.store.silences()
    data = {
        "alerts": [alert_data(item, silence_of(item, silences)) for item in shown[:limit]],
        "total": len(shown),
    }
    if not shown:
        return Reply.of("No alert is firing." if since is None else "No alerts.", data=data)
    rows = tuple(
        (item.title, _state_cell(item, silence_of(item, silences)), when(item.started), item.id)
        for item in shown[:limit]
    )
    table = Table(("Alert", "State", "Since (UTC)", "ID"), rows, (("Alert", "Since (UTC)", "ID"),))
    left = len(shown) - limit
    more = (Text(f"{left:,} more; list up to 100 with --limit", style="note"),) if left > 0 else ()
    actions = tuple(
        Action("command", f"Show {item.id}", f"show alert {item.id}") for item in shown[:5]
    )
    return Reply(data=data, view=(table, *more), actions=actions)


@command("show alert {alert}", "show al-{alert}", examples=("show alert al-0123456789ab",))
async def show_alert(core: Parts, alert: str) -> Reply:
    """Show an alert: its text, labels and links, and who works on it."""
    found = await _alert(core, alert)
    silence = silence_of(found, await core.store.silences())
    state = _state_cell(found, silence)
    often = f"{found.count} times, last {when(found.last)}" if found.count > 1 else "once"
    pairs = [
        ("State", state.text),
        ("Severity", found.severity or "not given"),
        ("Source", found.source),
        ("Since (UTC)", when(found.started)),
        ("Reported", often),
        *sorted(found.labels.items()),
        *found.links.items(),
    ]
    view = [Text(found.title, style="title", severity=state.severity)]
    view += [Text(found.text)] if found.text else []
    actions = []
    if found.resolved is None:
        acked = bool(found.acked_by)
        actions = [
            Action("command", "Unacknowledge", f"unack {found.id}")
            if acked
            else Action("command", "Acknowledge", f"ack {found.id}"),
            Action("command", "Silence for 1 hour", f"silence {found.id} for 1h"),
        ]
    fields = Fields(tuple(pairs))
    return Reply.of(*view, fields, data=alert_data(found, silence), actions=actions)


@command("ack {alert}", examples=("ack al-0123456789ab",), by_hand=True, sensitive=True)
async def ack(call: Call, core: Parts, alert: str) -> Reply:
    """Acknowledge an alert: others see that you work on it."""
    found = await _firing(core, alert)
    if found.acked_by == call.person.name:
        return Reply.of(f"You have acknowledged this already: {found.title}")
    before = f", which {found.acked_by} had acknowledged" if found.acked_by else ""
    await core.store.acknowledge(found.id, call.person.name)
    data = {"alert": found.id, "acknowledgedBy": call.person.name}
    return Reply.of(f"{call.person.name} works on this now: {found.title}{before}", data=data)


@command("unack {alert}", examples=("unack al-0123456789ab",), by_hand=True, sensitive=True)
async def unack(core: Parts, alert: str) -> Reply:
    """Take back the acknowledgement of an alert."""
    found = await _firing(core, alert)
    if not found.acked_by:
        raise ValidationFailed(f"{found.id} is not acknowledged")
    await core.store.acknowledge(found.id, "")
    data = {"alert": found.id, "acknowledgedBy": ""}
    return Reply.of(f"No person works on this now: {found.title}", data=data)


@command(
    "silence {what} for {duration} [because {reason...}]",
    effect=Effect.CHANGE,
    examples=("silence al-0123456789ab for 1h", "silence alertname=HighCPU,env=staging for 2h"),
)
async def silence(
    call: Call, core: Parts, what: list[str], duration: timedelta, reason: str = ""
) -> Reply:
    """Silence alerts for a while: they notify no place.

    They are named by the id of one, or by labels, written NAME=VALUE with * and ? as
    wildcards; source and severity count as labels. Separate several with commas: an alert
    must have all of them.
    """
    matchers = await _matchers(core, what, duration)
    now = core.clock.time()
    made = Silence(
        id=f"si-{secrets.token_hex(6)}",
        person=call.person.name,
        reason=reason,
        matchers=matchers,
        since=now,
        until=now + duration.total_seconds(),
    )
    await core.store.silence(made)
    text = f"Silenced until {when(made.until)} UTC: {_written(matchers)} ({made.id})"
    actions = [Action("command", "End the silence", f"unsilence {made.id}")]
    return Reply.of(text, data=_silence_data(made), actions=actions)


@silence.plan
async def plan_silence(core: Parts, what: list[str], duration: timedelta) -> Plan:
    """Say what would be silenced. Which alerts fire meanwhile does not change the plan."""
    matchers = await _matchers(core, what, duration)
    return Plan(
        f"Silence alerts with {_written(matchers)} for {format_duration(duration)}",
        warnings=("Alerts that begin meanwhile are silenced too.",),
    )


@command("silences")
async def silences(core: Parts) -> Reply:
    """List the silences in effect, first the one that ends first."""
    found = await core.store.silences()
    data = {"silences": [_silence_data(item) for item in found]}
    if not found:
        return Reply.of("No alerts are silenced.", data=data)
    rows = tuple(
        (_written(item.matchers), item.person, item.reason, when(item.until), item.id)
        for item in found
    )
    columns = ("Alerts with", "By", "Reason", "Until (UTC)", "ID")
    table = Table(columns, rows, (("Alerts with", "ID"), ("By", "Reason")))
    actions = tuple(
        Action("command", f"End {item.id}", f"unsilence {item.id}") for item in found[:5]
    )
    return Reply(data=data, view=(table,), actions=actions)


@command("unsilence {silence}", effect=Effect.CHANGE, examples=("unsilence si-0123456789ab",))
async def unsilence(core: Parts, silence: str) -> Reply:
    """End a silence before its time."""
    found = await _silence(core, silence)
    await core.store.unsilence(found.id)
    return Reply.of(f"Alerts notify again: {_written(found.matchers)}", data={"silence": found.id})


@unsilence.plan
async def plan_unsilence(core: Parts, silence: str) -> Plan:
    """Say which silence would end."""
    found = await _silence(core, silence)
    return Plan(f"End the silence of alerts with {_written(found.matchers)}, by {found.person}")


ALERT_COMMANDS: tuple[Command, ...] = tuple(
    item.owned("alerts") for item in (alerts, show_alert, ack, unack, silence, silences, unsilence)
)
"""The commands about alerts, which are there if a plugin has an event source."""


def alert_data(alert: Alert, silence: Silence | None) -> dict[str, Any]:
    """Return an alert for programs."""
    return {
        "id": alert.id,
        "source": alert.source,
        "status": "firing" if alert.resolved is None else "resolved",
        "severity": alert.severity,
        "title": alert.title,
        "text": alert.text,
        "labels": dict(alert.labels),
        "links": dict(alert.links),
        "started": _timestamp(alert.started),
        "resolved": _timestamp(alert.resolved),
        "count": alert.count,
        "acknowledgedBy": alert.acked_by,
        "silencedUntil": _timestamp(silence.until if silence else None),
    }


def _silence_data(silence: Silence) -> dict[str, Any]:
    return {
        "silence": silence.id,
        "matchers": dict(silence.matchers),
        "person": silence.person,
        "reason": silence.reason,
        "until": _timestamp(silence.until),
    }


def _timestamp(at: float | None) -> str | None:
    return None if at is None else timestamp(datetime.fromtimestamp(at, UTC))


def _state_cell(alert: Alert, silence: Silence | None) -> Cell:
    if alert.resolved is not None:
        return Cell(f"resolved {when(alert.resolved)}", Severity.GOOD)
    severity = severity_of(alert.severity)
    details = [alert.severity or "firing"]
    details += [f"acknowledged by {alert.acked_by}"] if alert.acked_by else []
    details += [f"silenced until {when(silence.until)}"] if silence else []
    return Cell(", ".join(details), severity)


async def _alert(core: Parts, id: str) -> Alert:
    found = await core.store.alert(id if id.startswith("al-") else f"al-{id}")
    if found is None:
        raise ValidationFailed(f"There is no alert {id}", details="See: alerts")
    return found


async def _firing(core: Parts, id: str) -> Alert:
    found = await _alert(core, id)
    if found.resolved is not None:
        raise ValidationFailed(f"{found.id} was resolved at {when(found.resolved)} UTC")
    return found


async def _silence(core: Parts, id: str) -> Silence:
    for item in await core.store.silences():
        if item.id == id:
            return item
    raise ValidationFailed(f"There is no silence {id} in effect", details="See: silences")


async def _matchers(core: Parts, what: Sequence[str], duration: timedelta) -> Mapping[str, str]:
    """Return the matchers that the words mean; raises ValidationFailed."""
    if not timedelta(0) < duration <= _LONGEST:
        raise ValidationFailed(f"A silence takes at most {format_duration(_LONGEST)}")
    if len(what) == 1 and what[0].startswith("al-"):
        alert = await _firing(core, what[0])
        return {"source": alert.source, **alert.labels}
    matchers = {}
    for word in what:
        name, equals, value = word.partition("=")
        if not (name.strip() and equals and value.strip()):
            raise ValidationFailed(
                f'"{word}" is not NAME=VALUE', details="Write for example alertname=HighCPU"
            )
        matchers[name.strip()] = value.strip()
    if not any(value.strip("*?") for value in matchers.values()):
        raise ValidationFailed("This would silence every alert; name at least one value")
    await _check_names(core, matchers)
    return matchers


async def _check_names(core: Parts, matchers: Mapping[str, str]) -> None:
    """Raise ValidationFailed for a near miss of a label that the known alerts have."""
    known = {name for alert in await core.store.alerts() for name in facts_of(alert)}
    for name in matchers:
        close = near(name, tuple(known)) if known and name not in known else ()
        if close:
            raise ValidationFailed(
                f"No alert has the label {name}", details=f"Did you mean {close[0]}?"
            )


def _written(matchers: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(matchers.items()))

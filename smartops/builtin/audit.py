"""The command ``audit``: what all people did, for those whom a rule allows to see it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from smartops.command import Call, command
from smartops.errors import ValidationFailed
from smartops.jsonable import timestamp
from smartops.middleware.steps import Parts
from smartops.reply import Action, Cell, Reply, Severity, Table
from smartops.store import AuditEvent, AuditSearch
from smartops.values import parse_duration

_DENIED = "PERMISSION_DENIED"
_MAX = 500


@command(
    "audit",
    examples=("audit --person bob --since 7d", "audit --command stop --outcome denied"),
    sensitive=True,
)
async def audit(
    call: Call,
    core: Parts,
    *,
    person: str | None = None,
    command: str | None = None,
    target: str | None = None,
    outcome: str | None = None,
    kind: str | None = None,
    approval: str | None = None,
    operation: str | None = None,
    since: str | None = None,
    until: str | None = None,
    before: int | None = None,
    limit: int = 20,
) -> Reply:
    """Show what people ran, newest first, and how it went.

    --since and --until take a time, such as 2026-11-24 or 2026-11-24T10:30Z (UTC), or how long
    ago, such as 7d. --outcome is success, pending, denied or an error code. --target is the
    id or the name of an instance. --kind is what happened, such as started, step or denied;
    --approval and --operation are ids. --before continues after an earlier page.
    """
    if not 1 <= limit <= _MAX:
        raise ValidationFailed(f"--limit must be between 1 and {_MAX}")
    if before is not None and before < 1:
        raise ValidationFailed("--before must be the id of an audit event")
    search = read_search(
        core.clock.now(),
        {
            "person": person,
            "command": command,
            "target": target,
            "outcome": outcome,
            "kind": kind,
            "approval": approval,
            "operation": operation,
            "since": since,
            "until": until,
        },
    )
    events = await core.store.audit_events(search, limit, before=before or 0)
    more = events[-1].id if len(events) == limit else None
    data = {"events": [event_data(item) for item in events], "next": more}
    if not events:
        return Reply.of("No audit events match.", data=data, private=True)
    rows = tuple((when(item.at), item.person, item.text, outcome_cell(item)) for item in events)
    columns = ("When (UTC)", "Person", "Command", "Outcome")
    actions = []
    if more:
        own = next(item for item in core.grammar.commands if item.name == call.command)
        text = core.grammar.text(own, {**call.arguments, "before": more})
        actions = [Action("command", "Next page", text)]
    view = Table(columns, rows, (("Command", "Person", "When (UTC)"),))
    return Reply(data=data, view=(view,), actions=tuple(actions), private=True)


def read_search(now: datetime, options: Mapping[str, str | None]) -> AuditSearch:
    """Return the search that the options of ``audit`` describe; raises ValidationFailed."""
    outcome = options["outcome"]
    if outcome is not None:
        lower = outcome.lower()
        known = ("success", "pending", "started", "unknown", "cancelled", "failed")
        outcome = _DENIED if lower == "denied" else lower if lower in known else outcome.upper()
    return AuditSearch(
        person=options["person"],
        command=options["command"],
        target=options["target"],
        outcome=outcome,
        kind=options["kind"],
        approval=options["approval"],
        operation=options["operation"],
        since=_time(now, "since", options["since"]),
        until=_time(now, "until", options["until"]),
    )


def _time(now: datetime, name: str, text: str | None) -> float | None:
    """Return a time in seconds since the epoch, given as a time or as how long ago."""
    if text is None:
        return None
    try:
        return (now - parse_duration(text)).timestamp()
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ValidationFailed(
            f"--{name} is neither a time nor how long ago",
            details="Write for example 7d, 2026-11-24 or 2026-11-24T10:30Z",
        ) from None


def event_data(event: AuditEvent) -> dict[str, Any]:
    """Return an audit event for programs."""
    return {
        "id": event.id,
        "kind": event.kind,
        "at": timestamp(datetime.fromtimestamp(event.at, UTC)),
        "person": event.person,
        "identity": event.identity,
        "claimed": event.claimed,
        "place": event.place,
        "command": event.command,
        "text": event.text,
        "targets": json.loads(event.targets) if event.targets else [],
        "rule": event.rule,
        "outcome": event.outcome,
        "seconds": event.seconds,
        "requestId": event.request_id,
        "idempotencyKey": event.idempotency_key,
        "planDigest": event.plan_digest,
        "approvalId": event.approval_id,
        "operationId": event.operation_id,
    }


def outcome_cell(event: AuditEvent) -> Cell:
    """Return the outcome as people read it."""
    severity = {"success": Severity.GOOD, "pending": Severity.INFO}
    unconfirmed = "not confirmed" if event.command else "incomplete"
    words = unconfirmed if event.outcome == "pending" else event.outcome.replace("_", " ").lower()
    return Cell(words, severity.get(event.outcome, Severity.WARNING))


def when(at: float) -> str:
    """Return seconds since the epoch as people read them, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")

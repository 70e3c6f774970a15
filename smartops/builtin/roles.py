"""The commands about roles for a time: ``request role`` and ``revoke role``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from smartops.auth.conditions import Request
from smartops.command import Call, Command, Effect, command
from smartops.errors import PermissionDenied, ValidationFailed
from smartops.jsonable import timestamp
from smartops.message import Message, Person
from smartops.middleware.access import CORE
from smartops.middleware.audit import audit_event
from smartops.middleware.demands import REQUEST_ROLE
from smartops.middleware.steps import Parts
from smartops.plan import Plan
from smartops.reply import Reply
from smartops.store import AuditEvent, RoleGrant
from smartops.values import format_duration

LONGEST = timedelta(days=14)


@command(
    "request role {role} for {duration} [because {reason...}]",
    effect=Effect.CHANGE,
    examples=("request role operator for 2h because the disk of web-1 is full",),
    by_hand=True,
    resumable=True,
)
async def request_role(
    call: Call, core: Parts, role: str, duration: timedelta, reason: str = ""
) -> Reply:
    """Request a role for a time; others have to approve it."""
    now = core.clock.time()
    until = now + duration.total_seconds()
    grant = RoleGrant(call.idempotency_key, call.person.name, role, now, until)
    text = f"{role} for {call.person.name} until {_time(until)}"
    await core.store.grant_role(grant, role_event(core, "role_given", call, text, grant))
    await load_grants(core)
    return Reply.of(
        f"You hold the role {role} until {_time(until)}.",
        data={
            "role": role,
            "until": timestamp(datetime.fromtimestamp(until, UTC)),
            "reason": reason,
        },
    )


@request_role.plan
async def plan_request(core: Parts, call: Call, role: str, duration: timedelta) -> Plan:
    """Say which role would be given; raises a refusal if no rule says who can approve that."""
    if not timedelta(0) < duration <= LONGEST:
        raise ValidationFailed(f"A role is given for at most {format_duration(LONGEST)}")
    place = call.message.place
    request = Request(call.person, request_role, Effect.CHANGE, place, call.arguments, ())
    if not (core.people.has_role(role) and core.approvals.of(request, role)):
        raise PermissionDenied(
            f"You cannot request the role {role}", details="No rule says who approves it."
        )
    return Plan(f"Give {call.person.name} the role {role} for {format_duration(duration)}")


@command(
    "revoke role {role} from {person}", examples=("revoke role operator from bob",), by_hand=True
)
async def revoke_role(call: Call, core: Parts, role: str, person: str) -> Reply:
    """End a role that a person holds for a time: by those who can approve it, or the person."""
    held = [it for it in await core.store.role_grants() if (it.role, it.person) == (role, person)]
    held = [it for it in held if it.until > core.clock.time()]
    if not held or not _may_revoke(core, call, held[0]):
        raise ValidationFailed(f"{person} holds no role {role} that you can revoke")
    for grant in held:
        text = f"{role} for {person}; revoked by {call.person.name}"
        await core.store.end_grant(grant.id, role_event(core, "role_ended", call, text, grant))
    await load_grants(core)
    return Reply.of(f"{person} no longer holds the role {role} for a time.", data={"role": role})


def _may_revoke(core: Parts, call: Call, grant: RoleGrant) -> bool:
    """Whether the sender holds the role by it, or could approve it."""
    message, holder = call.message, core.people.named(grant.person) or call.person
    request = Request(holder, request_role, Effect.CHANGE, message.place, None, ())
    rules = core.approvals.of(request, grant.role)
    approvers = [rule.demand.approver(core.people, message.sender, None) for rule in rules]
    return grant.person == call.person.name or (any(approvers) and not message.acting)


async def load_grants(core: Parts) -> None:
    """Use the grants in the store from now on."""
    grants = await core.store.role_grants()
    core.grants.replace((it.person, it.role, it.until) for it in grants)


async def end_grants(core: Parts) -> None:
    """Write the audit event of each role whose time is over, once over all processes."""
    now = core.clock.time()
    for grant in await core.store.role_grants():
        if grant.until <= now:
            event = AuditEvent.of(
                "role_ended",
                now,
                f"{grant.role} for {grant.person}: its time is over",
                person=grant.person,
                command=REQUEST_ROLE,
                operation_id=grant.id,
            )
            await core.store.end_grant(grant.id, event)


def role_event(core: Parts, kind: str, call: Call, text: str, grant: RoleGrant) -> AuditEvent:
    """Return the audit event about a role that is given or revoked."""
    message: Message = call.message
    person: Person = call.person
    return audit_event(
        core,
        kind,
        message,
        person,
        text=text,
        command=REQUEST_ROLE,
        outcome="success",
        operation_id=grant.id,
    )


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


ROLE_COMMANDS: tuple[Command, ...] = (request_role.owned(CORE), revoke_role.owned(CORE))
"""The commands, which are there if a rule says who approves roles."""

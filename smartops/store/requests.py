"""Approvals that wait for other people: requests, their decisions and posts; roles for a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, select, update

from smartops.jsonable import members

from .access import insert, upsert
from .approvals import Approvals, approval_of, without_mac
from .rows import LEASE, Approval, ApprovalMessage, ApprovalState, AuditEvent, Decision, RoleGrant
from .tables import approval_messages, approvals, audit_events, decisions, role_grants

_MOST = 1000
"""How many requests and posts are looked at in one round."""


class Requests(Approvals):
    """Requests for the approval of others. Each ends once, by compare and set."""

    async def request(
        self, approval: Approval, posts: Sequence[ApprovalMessage], event: AuditEvent
    ) -> bool:
        """Make a request of a pending approval, to be posted; False if it is not pending."""
        now = self._clock.time()
        row = self._seal.sealed(approvals, members(approval))
        pending = approvals.c.state == "pending", approvals.c.expires > now

        def request(connection: Connection) -> bool:
            if not _change(connection, approval.id, row, *pending):
                return False
            self._add_messages(connection, posts)
            self._add_with(connection, event)
            return True

        return await self._write(request, repeatable=False)

    async def demand(self, approval: Approval) -> None:
        """Store what a request demands now."""
        row = self._seal.sealed(approvals, members(approval))
        values = {"demands": row["demands"], "mac": row.get("mac", "")}
        await self._write(lambda c: _change(c, approval.id, values, _open()))

    async def requests(self, person: str | None = None) -> list[Approval]:
        """Return the requests that are open, or have expired and are not ended."""
        query = select(approvals).where(approvals.c.state == "requested")
        if person is not None:
            query = query.where(approvals.c.person == person)
        rows = await self._read(query.order_by(approvals.c.expires).limit(_MOST))
        return [approval_of(row, self._clock.time()) for row in self._valid(approvals, rows)]

    async def decisions(self, *approvals: str) -> list[Decision]:
        """Return the decisions about these approvals, in their order."""
        query = select(decisions).where(decisions.c.approval.in_(approvals))
        rows = self._valid(decisions, await self._read(query.order_by(decisions.c.at)))
        return [Decision(**without_mac(row)) for row in rows]

    async def decide(self, decision: Decision, event: AuditEvent) -> bool:
        """Store a decision; one that declines ends the request. False if it is not open.

        From then on this process tries to execute what was approved.
        """
        now = self._clock.time()
        row = self._seal.sealed(decisions, members(decision))
        values: dict[str, Any] = {"lease_until": now + LEASE}
        if decision.verdict == "declined":
            values = {"state": "declined"}

        def decide(connection: Connection) -> bool:
            if not _change(connection, decision.approval, values, _open(), _unexpired(now)):
                return False
            upsert(connection, decisions, row)
            self._add_with(connection, event)
            return True

        return await self._write(decide, repeatable=False)

    async def end_request(self, id: str, state: ApprovalState, event: AuditEvent) -> bool:
        """End an open request as cancelled or expired; False if it has ended."""

        def end(connection: Connection) -> bool:
            ended = _change(connection, id, {"state": state}, _open())
            if ended:
                self._add_with(connection, event)
            return ended

        return await self._write(end, repeatable=False)

    async def take_request(self, id: str) -> bool:
        """Take the lease on executing a request; False if another process has it."""
        now = self._clock.time()
        values = {"lease_until": now + LEASE}
        lapsed = approvals.c.lease_until <= now
        return await self._write(lambda c: _change(c, id, values, _open(), lapsed))

    async def escalate(
        self,
        approval: Approval,
        escalated: str,
        posts: Sequence[ApprovalMessage],
        event: AuditEvent,
    ) -> bool:
        """Post a request in further places, once over all processes."""
        same = approvals.c.escalated == approval.escalated

        def escalate(connection: Connection) -> bool:
            if not _change(connection, approval.id, {"escalated": escalated}, _open(), same):
                return False
            self._add_messages(connection, posts)
            self._add_with(connection, event)
            return True

        return await self._write(escalate, repeatable=False)

    async def take_posts(self) -> list[ApprovalMessage]:
        """Return what is to be posted, each to one process, until its lease has ended."""
        now = self._clock.time()
        columns = approval_messages.c
        due = and_(columns.place != "", columns.shown == "", columns.lease_until <= now)
        if not await self._read(select(columns.key).where(due).limit(1)):
            return []
        keys = select(columns.key).where(due).limit(_MOST).with_for_update(skip_locked=True)
        taken = update(approval_messages).where(columns.key.in_(keys))
        statement = taken.values(lease_until=now + LEASE).returning(approval_messages)

        def take(connection: Connection) -> list[ApprovalMessage]:
            rows = self._valid(approval_messages, connection.execute(statement).mappings())
            return [ApprovalMessage(**without_mac(row)) for row in rows]

        return await self._write(take, repeatable=False)

    async def grant_role(self, grant: RoleGrant, event: AuditEvent) -> None:
        """Store that a person holds a role until a time; once, if it is repeated."""
        row = self._seal.sealed(role_grants, members(grant))

        def grant_once(connection: Connection) -> None:
            statement = insert(role_grants, connection.dialect.name).values(row)
            statement = statement.on_conflict_do_nothing().returning(role_grants.c.id)
            if connection.execute(statement).first() is not None:
                self._add_with(connection, event)

        await self._write(grant_once)

    async def role_grants(self) -> list[RoleGrant]:
        """Return the roles that are held for a time, also those whose time is over.

        One that has ended according to the audit log was put back, and does not count.
        """
        events = audit_events.c
        ended = exists().where(events.operation_id == role_grants.c.id, events.kind == "role_ended")
        query = select(role_grants).where(role_grants.c.state == "active")
        rows = await self._read(query.where(~ended.where(events.operation_id != "")))
        return [RoleGrant(**without_mac(row)) for row in self._valid(role_grants, rows)]

    async def end_grant(self, id: str, event: AuditEvent) -> bool:
        """End a grant; False if it has ended."""
        active = role_grants.c.id == id, role_grants.c.state == "active"

        def end(connection: Connection) -> bool:
            statement = update(role_grants).where(*active).values(state="ended")
            ended = connection.execute(statement).rowcount == 1
            if ended:
                self._add_with(connection, event)
            return ended

        return await self._write(end, repeatable=False)


def _open() -> ColumnElement[bool]:
    return approvals.c.state == "requested"


def _unexpired(now: float) -> ColumnElement[bool]:
    return approvals.c.expires > now


def _change(
    connection: Connection, id: str, values: dict[str, Any], *conditions: ColumnElement[bool]
) -> bool:
    statement = update(approvals).where(approvals.c.id == id, *conditions).values(values)
    return connection.execute(statement).rowcount == 1

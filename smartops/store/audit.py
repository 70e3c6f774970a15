"""Audit events: who did what; and revoked tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert, select

from smartops.jsonable import members

from .access import Access, upsert
from .rows import AuditEvent
from .tables import audit_events, revoked

_ADD = insert(audit_events).inline()


def _add(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    connection.execute(_ADD, rows)


class Audit(Access):
    """Audit events, which are only ever added, and the tokens that are refused."""

    def add_audit_event(self, event: AuditEvent) -> None:
        """Add an audit event, soon. Raises StoreUnavailable if too many writes wait."""
        row = members(event)
        del row["id"]
        self._writer.queue(_add, row=row)

    async def history(self, person: str, limit: int) -> list[AuditEvent]:
        """Return a person's audit events, newest first."""
        query = select(audit_events).where(audit_events.c.person == person)
        rows = await self._read(query.order_by(audit_events.c.id.desc()).limit(limit))
        return [AuditEvent(**row) for row in rows]

    async def revoke(self, jti: str, until: float) -> None:
        """Refuse the token with this id; it would have expired at ``until``."""
        row = {"jti": jti, "until": until}
        await self._write(lambda connection: upsert(connection, revoked, row))

    async def revoked(self) -> set[str]:
        """Return the ids of the revoked tokens that have not expired."""
        rows = await self._read(select(revoked.c.jti).where(revoked.c.until > self._clock.time()))
        return {row["jti"] for row in rows}

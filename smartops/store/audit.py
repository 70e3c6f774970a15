"""The record of who did what, and revoked tokens."""

from __future__ import annotations

from sqlalchemy import insert, select

from smartops.jsonable import members

from .access import Access, upsert
from .rows import AuditEvent, Phase
from .tables import records, revoked

_RECORD = insert(records).inline()  # built once, because building it costs more than running it


class Audit(Access):
    """Audit events, which are only ever added, and the tokens that are refused."""

    def record(self, record: AuditEvent) -> None:
        """Add an audit event, soon. Raises StoreUnavailable if too many writes wait."""
        row = members(record)
        del row["id"]
        self._queue(lambda connection: connection.execute(_RECORD, row))

    async def history(
        self, person: str, limit: int, *, phase: Phase | None = None
    ) -> list[AuditEvent]:
        """Return a person's audit events, newest first."""
        query = select(records).where(records.c.person == person)
        if phase is not None:
            query = query.where(records.c.phase == phase)
        rows = await self._read(query.order_by(records.c.id.desc()).limit(limit))
        return [AuditEvent(**row) for row in rows]

    async def revoke(self, jti: str, until: float) -> None:
        """Refuse the token with this id; it would have expired at ``until``."""
        row = {"jti": jti, "until": until}
        await self._write(lambda connection: upsert(connection, revoked, row))

    async def revoked(self) -> set[str]:
        """Return the ids of the revoked tokens that have not expired."""
        rows = await self._read(select(revoked.c.jti).where(revoked.c.until > self._clock.time()))
        return {row["jti"] for row in rows}

"""Approvals: pending decisions about plans, each decided once by compare and set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from smartops.jsonable import members

from .operations import Operations
from .rows import Approval, ApprovalMessage, ApprovalState, AuditEvent, Operation, token_key
from .tables import approval_messages, approvals


class Approvals(Operations):
    """Approvals and the messages that show them."""

    async def add_approval(self, approval: Approval, message: ApprovalMessage) -> None:
        """Store a pending approval and the message that shows it."""

        def add(connection: Connection) -> None:
            row = self._seal.sealed(approvals, members(approval))
            connection.execute(insert(approvals), row)
            connection.execute(insert(approval_messages), shown)

        shown = self._seal.sealed(approval_messages, members(message))

        await self._write(add, repeatable=False)

    async def add_approval_message(self, message: ApprovalMessage) -> None:
        """Store one more message that shows an approval."""
        row = self._seal.sealed(approval_messages, members(message))
        await self._write(lambda c: c.execute(insert(approval_messages), row), repeatable=False)

    def shown(self, key: str, shown: str) -> None:
        """Store the platform's id of the message that shows an approval, soon."""
        statement = update(approval_messages).where(approval_messages.c.key == key)
        self._queue(lambda connection: connection.execute(statement.values(shown=shown)))

    async def approval_messages(self, *approvals: str) -> list[ApprovalMessage]:
        """Return the messages that show any of the approvals."""
        query = select(approval_messages).where(approval_messages.c.approval.in_(approvals))
        rows = self._valid(approval_messages, await self._read(query))
        return [ApprovalMessage(**without_mac(row)) for row in rows]

    async def approval(self, id: str) -> Approval | None:
        """Return an approval, in whatever state it is."""
        rows = self._valid(
            approvals, await self._read(select(approvals).where(approvals.c.id == id))
        )
        return approval_of(rows[0], self._clock.time()) if rows else None

    async def approval_behind(self, token: str) -> Approval | None:
        """Return the approval that a button's token stands for, in whatever state it is."""
        return await self.approval_shown(token_key(token))

    async def approval_shown(self, key: str) -> Approval | None:
        """Return the approval that an approval message shows, in whatever state it is."""
        query = select(approval_messages).where(approval_messages.c.key == key)
        rows = self._valid(approval_messages, await self._read(query))
        return await self.approval(rows[0]["approval"]) if rows else None

    async def pending(
        self, person: str, shown_in: tuple[str, str] | None = None, *, limit: int = 1000
    ) -> list[Approval]:
        """Return up to ``limit`` pending approvals of a person, soonest to expire first.

        ``shown_in``, a channel and a conversation, leaves out those that no
        message shows there.
        """
        now = self._clock.time()
        query = (
            select(approvals)
            .where(approvals.c.person == person)
            .where(approvals.c.state == "pending", approvals.c.expires > now)
            .order_by(approvals.c.expires)
            .limit(limit)
        )
        if shown_in is not None:
            channel, conversation = shown_in
            there = (
                approval_messages.c.channel == channel,
                approval_messages.c.conversation == conversation,
            )
            query = query.where(
                approvals.c.id.in_(select(approval_messages.c.approval).where(*there))
            )
        rows = self._valid(approvals, await self._read(query))
        return [approval_of(row, now) for row in rows]

    async def accept(
        self,
        approval: str,
        operation: Operation,
        event: AuditEvent | None = None,
        *,
        state: ApprovalState = "pending",
        posts: Sequence[ApprovalMessage] = (),
    ) -> bool:
        """Confirm an approval and begin its operation, with its event: all or nothing.

        ``posts`` are to be posted from then on. Returns False, and changes nothing, if it
        is not in that ``state`` any more. If the
        caller is cancelled meanwhile, or the store is lost, the operation ends
        as failed, as no caller executes it.
        """
        now = self._clock.time()
        begun = replace(operation, approval_id=approval)

        def confirm(connection: Connection) -> bool:
            if _decided(connection, approval, now, "confirmed", state):
                self._insert(connection, begun)
                self._add_with(connection, event)
                self._add_messages(connection, posts)
                return True
            return self._is_begun(connection, begun)  # run again after an uncertain commit

        async with self._abandoned_on_failure(operation.id):
            return await self._write(confirm)

    async def cancel(self, approval: str, *, state: ApprovalState = "pending") -> bool:
        """Cancel an approval; False if it is not in that ``state`` any more."""
        now = self._clock.time()
        return await self._write(
            lambda connection: _decided(connection, approval, now, "cancelled", state),
            repeatable=False,
        )

    def _add_messages(self, connection: Connection, added: Sequence[ApprovalMessage]) -> None:
        for message in added:
            row = self._seal.sealed(approval_messages, members(message))
            connection.execute(insert(approval_messages), row)


def _decided(
    connection: Connection, id: str, now: float, state: ApprovalState, of: ApprovalState
) -> bool:
    undecided = approvals.c.id == id, approvals.c.state == of, approvals.c.expires > now
    return connection.execute(update(approvals).where(*undecided).values(state=state)).rowcount == 1


def approval_of(row: RowMapping, now: float) -> Approval:
    """Return the approval in a row; an undecided one may have expired by ``now``."""
    found = Approval(**without_mac(row))
    if found.state in ("pending", "requested") and found.expires <= now:
        return replace(found, state="expired")
    return found


def without_mac(row: RowMapping) -> dict[str, Any]:
    """Return the members of what a row stands for."""
    return {name: value for name, value in row.items() if name != "mac"}

"""Messages: each is claimed once, under its idempotency key, and answered."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import Any

import anyio
from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from .access import Access, upsert
from .rows import LEASE, StoreClosed
from .tables import acts, inbox

_NAMES: dict[str, Any] = {
    "key": bindparam("key"),
    "at": bindparam("at"),
    "holder": bindparam("holder"),
}
_CLAIM = {  # built once, because building it costs more than running it
    "sqlite": sqlite.insert(acts).values(_NAMES).on_conflict_do_nothing().returning(acts.c.key),
    "postgresql": postgresql.insert(acts)
    .values(_NAMES)
    .on_conflict_do_nothing()
    .returning(acts.c.key),
}
_SETTLE = update(acts).where(acts.c.key == bindparam("of")).values(answer=bindparam("reply"))


class Messages(Access):
    """Claims of messages and their stored answers, and the inbox of accepted messages."""

    async def claim(self, key: str) -> bool:
        """Return whether this idempotency key is new, to this and every other process.

        If the caller is cancelled meanwhile, the claim is given back.
        """
        holder = secrets.token_hex(8)
        now = self._clock.time()
        try:
            return await self._write(
                lambda connection: _claimed(connection, key, now, holder), order=key
            )
        except anyio.get_cancelled_exc_class():
            with suppress(StoreClosed):
                self._queue(lambda connection: _unclaim(connection, key, holder), order=key)
            raise

    async def release(self, key: str) -> None:
        """Delete a claim without an answer, so that the message can be claimed again."""
        await self._write(lambda connection: _unclaim(connection, key))

    def settle(self, key: str, answer: bytes | None) -> None:
        """Store the answer to a message, soon."""
        if answer is not None:
            self._queue(
                lambda connection: connection.execute(_SETTLE, {"of": key, "reply": answer})
            )

    async def answer(self, key: str) -> bytes | None:
        """Return the stored answer to a message; None if there is none, or none yet."""
        rows = await self._read(select(acts.c.answer).where(acts.c.key == key))
        return rows[0]["answer"] if rows else None

    async def arrive(self, key: str, message: bytes) -> bool:
        """Claim a message and store it until it is answered; False if its key is known."""
        now, holder = self._clock.time(), secrets.token_hex(8)
        row = {"key": key, "message": message, "owner": self.owner, "lease_until": now + LEASE}

        def claim_and_keep(connection: Connection) -> bool:
            new = _claimed(connection, key, now, holder)
            if new:
                upsert(connection, inbox, row)
            return new

        return await self._write(claim_and_keep, order=key)

    def delivered(self, key: str) -> None:
        """Delete an answered message from the inbox, soon."""
        statement = delete(inbox).where(inbox.c.key == key)
        self._queue(lambda connection: connection.execute(statement))

    async def undelivered(self, now: float) -> list[tuple[str, bytes]]:
        """Take over the messages whose lease ran out, and return them with their keys.

        Each is returned to one process only.
        """
        lapsed = select(inbox.c.key).where(inbox.c.lease_until <= now)
        statement = (
            update(inbox)
            .where(inbox.c.key.in_(lapsed.with_for_update(skip_locked=True)))
            .values(owner=self.owner, lease_until=now + LEASE)
            .returning(inbox.c.key, inbox.c.message)
        )

        def take(connection: Connection) -> list[tuple[str, bytes]]:
            return [(row.key, row.message) for row in connection.execute(statement)]

        return await self._write(take, repeatable=False)

    async def leave(self) -> None:
        """End the leases on the messages that this process has not answered."""
        statement = update(inbox).where(inbox.c.owner == self.owner).values(lease_until=0.0)
        await self._write(lambda connection: connection.execute(statement))


def _claimed(connection: Connection, key: str, now: float, holder: str) -> bool:
    """Claim; run again after an uncertain commit, it recognises its own claim."""
    row = {"key": key, "at": now, "holder": holder}
    if connection.execute(_CLAIM[connection.dialect.name], row).first() is not None:
        return True
    query = select(acts.c.key).where(acts.c.key == key, acts.c.holder == holder)
    return connection.execute(query).first() is not None


def _unclaim(connection: Connection, key: str, holder: str = "") -> None:
    statement = delete(acts).where(acts.c.key == key, acts.c.answer.is_(None))
    if holder:
        statement = statement.where(acts.c.holder == holder)
    connection.execute(statement)

"""Messages: each is claimed once, under its idempotency key, and answered."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import anyio
from sqlalchemy import Connection, bindparam, delete, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite

from smartops.services import Clock

from .access import Access, upsert
from .database import Database
from .rows import LEASE, Known, StoreClosed, StoreUnavailable
from .tables import inbox, messages

_NAMES: dict[str, Any] = {
    "key": bindparam("key"),
    "expires": bindparam("expires"),
    "holder": bindparam("holder"),
    "digest": bindparam("digest"),
    "lease_until": bindparam("lease_until"),
}
_CLAIM = {  # built once, because building it costs more than running it
    "sqlite": sqlite.insert(messages)
    .values(_NAMES)
    .on_conflict_do_nothing()
    .returning(messages.c.key),
    "postgresql": postgresql.insert(messages)
    .values(_NAMES)
    .on_conflict_do_nothing()
    .returning(messages.c.key),
}
_ENDED = update(messages).where(messages.c.key == bindparam("of"))
_SETTLE = _ENDED.values(answer=bindparam("reply"), lease_until=0.0)
_SETTLE_READ = _SETTLE.values(expires=bindparam("until"))

DEDUPLICATED = 7 * 86_400.0
"""For how many seconds an idempotency key is known; no platform redelivers later than that."""
ANSWERED = 600.0
"""For how many seconds the answer to a read is stored for the duplicates that wait for it."""
LARGEST = 256 * 1024
"""The maximum size of such an answer in bytes."""

_NUMBERS = itertools.count()


class Messages(Access):
    """Claims of messages and their stored answers, and the inbox of accepted messages."""

    def __init__(self, database: Database, clock: Clock, owner: str) -> None:
        super().__init__(database, clock, owner)
        self._settling = threading.Lock()
        self._settled: list[Mapping[str, Any]] | None = None

    async def claim(self, key: str, digest: str = "") -> bool:
        """Return whether this idempotency key is new, to this and every other process.

        ``digest`` is of what the message says. The claim has a lease, see :meth:`retake`.
        If the caller is cancelled meanwhile, the claim is given back.
        """
        claim = self._new_claim(key, digest)
        try:
            return await self._write(lambda connection: _claimed(connection, claim), order=key)
        except anyio.get_cancelled_exc_class():
            holder = claim["holder"]
            with suppress(StoreClosed):
                self._queue(lambda connection: _unclaim(connection, key, holder), order=key)
            raise

    async def retake(self, key: str) -> bool:
        """Take over the claim of a message without an answer whose lease ran out.

        One in the inbox is left to :meth:`undelivered`.
        """
        claim = self._new_claim(key)
        now = self._clock.time()
        return await self._write(lambda connection: _retaken(connection, claim, now), order=key)

    def _new_claim(self, key: str, digest: str = "") -> dict[str, Any]:
        return {
            "key": key,
            "expires": self._clock.time() + DEDUPLICATED,
            "holder": f"{self.owner}-{next(_NUMBERS)}",
            "digest": digest,
            "lease_until": self._clock.time() + LEASE,
        }

    async def release(self, key: str) -> None:
        """Delete a claim without an answer, so that the message can be claimed again."""
        await self._write(lambda connection: _unclaim(connection, key))

    def settle(self, key: str, answer: bytes, *, read: bool = False) -> None:
        """Store the answer to a message, soon.

        The answer to a ``read`` is stored for the duplicates that wait for it: for
        minutes, and not at all if it is large; the message can then be run again.
        """
        if read:
            until = self._clock.time() + ANSWERED
            reply = answer if len(answer) <= LARGEST else None
            self._settle_read({"of": key, "reply": reply, "until": until})
        else:
            row = {"of": key, "reply": answer}
            self._queue(lambda connection: connection.execute(_SETTLE, row))

    def _settle_read(self, row: Mapping[str, Any]) -> None:
        """Store the answer to a read together with all others until the next transaction.

        Most messages are reads, and a statement costs much more than a row of it.
        """
        with self._settling:
            if self._settled is not None:
                self._settled.append(row)
                return
            rows = self._settled = [row]

        def settle_all(connection: Connection) -> None:
            with self._settling:
                if self._settled is rows:
                    self._settled = None
            connection.execute(_SETTLE_READ, rows)

        try:
            self._queue(settle_all)
        except (StoreUnavailable, StoreClosed):
            self._settled = None
            raise

    async def known(self, key: str) -> Known | None:
        """Return what is stored of a claimed message; None if it is not claimed."""
        columns = messages.c.digest, messages.c.lease_until, messages.c.answer
        rows = await self._read(select(*columns).where(messages.c.key == key))
        return Known(**rows[0]) if rows else None

    async def answer(self, key: str) -> bytes | None:
        """Return the stored answer to a message; None if there is none, or none yet."""
        known = await self.known(key)
        return known.answer if known else None

    async def arrive(self, key: str, message: bytes, digest: str = "") -> bool:
        """Claim a message and store it until it is answered; False if its key is known."""
        claim = self._new_claim(key, digest)
        until = claim["lease_until"]
        row = {"key": key, "message": message, "owner": self.owner, "lease_until": until}

        def claim_and_keep(connection: Connection) -> bool:
            new = _claimed(connection, claim)
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


def _claimed(connection: Connection, claim: Mapping[str, Any]) -> bool:
    """Claim; run again after an uncertain commit, it recognises its own claim."""
    if connection.execute(_CLAIM[connection.dialect.name], claim).first() is not None:
        return True
    return _is_held(connection, claim)


def _retaken(connection: Connection, claim: Mapping[str, Any], now: float) -> bool:
    """Take over a lapsed claim; run again after an uncertain commit, it recognises its own."""
    kept = exists().where(inbox.c.key == claim["key"])
    lapsed = messages.c.answer.is_(None) & (messages.c.lease_until <= now)
    statement = update(messages).where(messages.c.key == claim["key"], lapsed, ~kept)
    values = {name: claim[name] for name in ("holder", "lease_until")}
    if connection.execute(statement.values(values)).rowcount == 1:
        return True
    return _is_held(connection, claim)


def _is_held(connection: Connection, claim: Mapping[str, Any]) -> bool:
    held = messages.c.key == claim["key"], messages.c.holder == claim["holder"]
    return connection.execute(select(messages.c.key).where(*held)).first() is not None


def _unclaim(connection: Connection, key: str, holder: str = "") -> None:
    statement = delete(messages).where(messages.c.key == key, messages.c.answer.is_(None))
    if holder:
        statement = statement.where(messages.c.holder == holder)
    connection.execute(statement)

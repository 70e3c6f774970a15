"""Messages: each is claimed once, under its idempotency key, and answered."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from operator import itemgetter
from typing import Any

import anyio
from sqlalchemy import Connection, Table, bindparam, delete, exists, func, select, update

from .access import insert
from .audit import Audit
from .rows import LEASE, Known, StoreClosed
from .tables import inbox, messages

DEDUPLICATED = 7 * 86_400.0
"""For how many seconds an idempotency key is known; no platform redelivers later than that."""
ANSWERED = 600.0
"""For how many seconds the answer to a read is stored for the duplicates that wait for it."""
LARGEST = 256 * 1024
"""The maximum size of such an answer in bytes."""

_SETTLE = (  # built once, because building it costs more than running it
    update(messages)
    .where(messages.c.key == bindparam("of"))
    .values(
        answer=bindparam("reply"),
        mac=bindparam("new_mac"),
        lease_until=0.0,
        expires=func.coalesce(bindparam("until"), messages.c.expires),
    )
)
_DELIVERED = delete(inbox).where(inbox.c.key == bindparam("of"))
_NUMBERS = itertools.count()

Row = dict[str, Any]


class Messages(Audit):
    """Claims of messages and their stored answers, and the inbox of accepted messages."""

    async def claim(self, key: str, digest: str = "", message: bytes | None = None) -> bool:
        """Return whether this idempotency key is new, to this and every other process.

        ``digest`` is of the message's content. With ``message`` it is stored in the
        inbox until it is delivered. The claim has a lease, see :meth:`retake`. If the
        caller is cancelled meanwhile, a claim without a message is given back.
        """
        claim = self._new_claim(key, digest)
        arrived = None
        if message is not None:
            lease = {"owner": self.owner, "lease_until": claim["lease_until"]}
            arrived = self._seal.sealed(inbox, {"key": key, "message": message, **lease})
        try:
            new: bool = await self._writer.write(_claim, row=(claim, arrived, False))
        except anyio.get_cancelled_exc_class():
            if message is None:
                with suppress(StoreClosed):
                    self._writer.queue(_claim, row=(claim, None, True))
            raise
        return new

    async def retake(self, key: str) -> bool:
        """Take over the claim of a message without an answer whose lease ran out.

        One in the inbox is left to :meth:`undelivered`.
        """
        claim, now = self._new_claim(key), self._clock.time()
        return await self._write(lambda connection: _retaken(connection, claim, now))

    def _new_claim(self, key: str, digest: str = "") -> Row:
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

    def settle(self, key: str, answer: bytes | None, *, read: bool = False) -> None:
        """Store the answer to a message, soon; None if it is not needed again.

        The answer to a ``read`` is stored for the duplicates that wait for it: for
        minutes, and not at all if it is large; the message can then be run again.
        """
        reply = None if read and answer and len(answer) > LARGEST else answer
        until = self._clock.time() + ANSWERED if read else None
        mac = self._seal.sealed(messages, {"key": key, "answer": reply}).get("mac", "")
        row = {"of": key, "reply": reply, "until": until, "new_mac": mac}
        self._writer.queue(_settle, row=row)

    async def known(self, key: str) -> Known | None:
        """Return what is stored of a claimed message; None if it is not claimed."""
        rows = await self._read(select(messages).where(messages.c.key == key))
        if rows and rows[0]["answer"] is not None:
            rows = self._valid(messages, rows)
        return Known(**{name: rows[0][name] for name in Known.__slots__}) if rows else None

    async def answer(self, key: str) -> bytes | None:
        """Return the stored answer to a message; None if there is none, or none yet."""
        known = await self.known(key)
        return known.answer if known else None

    def delivered(self, key: str) -> None:
        """Delete an answered message from the inbox, soon."""
        self._writer.queue(_delivered, row={"of": key})

    async def undelivered(self, now: float, limit: int = 1000) -> list[tuple[str, bytes]]:
        """Take over messages whose lease ran out, and return them with their keys.

        Each is returned to one process only. One that SmartOps did not write is deleted.
        """
        lapsed = select(inbox.c.key).where(inbox.c.lease_until <= now).limit(limit)
        statement = (
            update(inbox)
            .where(inbox.c.key.in_(lapsed.with_for_update(skip_locked=True)))
            .values(owner=self.owner, lease_until=now + LEASE)
            .returning(inbox)
        )

        def take(connection: Connection) -> list[tuple[str, bytes]]:
            rows = list(connection.execute(statement).mappings())
            valid = self._valid(inbox, rows)
            if forged := [row["key"] for row in rows if row not in valid]:
                connection.execute(delete(inbox).where(inbox.c.key.in_(forged)))
            return [(row["key"], row["message"]) for row in valid]

        return await self._write(take, repeatable=False)

    async def leave(self) -> None:
        """End the leases on the messages that this process has not answered."""
        statement = update(inbox).where(inbox.c.owner == self.owner).values(lease_until=0.0)
        await self._write(lambda connection: connection.execute(statement))


def _insert_once(table: Table, dialect: str) -> Any:
    return insert(table, dialect).on_conflict_do_nothing()


@lru_cache(2)
def _claim_statement(dialect: str) -> Any:
    return _insert_once(messages, dialect).returning(messages.c.holder)


def _claim(connection: Connection, claims: Sequence[tuple[Row, Row | None, bool]]) -> list[bool]:
    """Claim; run again after an uncertain commit, it recognises its own claims.

    Those that are released again are deleted first, so that others can claim their keys.
    Keys are inserted in order, so that two processes do not deadlock.
    """
    released = {claim["holder"]: claim["key"] for claim, _, is_release in claims if is_release}
    for holder, key in released.items():
        _unclaim(connection, key, holder)
    rows = [claim for claim, *_ in claims if claim["holder"] not in released]
    if not rows:
        return [False] * len(claims)
    statement = _claim_statement(connection.dialect.name)
    new = set(connection.execute(statement, sorted(rows, key=itemgetter("key"))).scalars())
    results = [claim["holder"] in new or _is_held(connection, claim) for claim, *_ in claims]
    arrived = [row for (_, row, _), mine in zip(claims, results, strict=True) if row and mine]
    if arrived:
        connection.execute(_insert_once(inbox, connection.dialect.name), arrived)
    return results


def _delivered(connection: Connection, rows: Sequence[Row]) -> None:
    connection.execute(_DELIVERED, rows)


def _settle(connection: Connection, rows: Sequence[Row]) -> None:
    connection.execute(_SETTLE, rows)


def _retaken(connection: Connection, claim: Row, now: float) -> bool:
    """Take over a lapsed claim; run again after an uncertain commit, it recognises its own."""
    stored = exists().where(inbox.c.key == claim["key"])
    lapsed = messages.c.answer.is_(None) & (messages.c.lease_until <= now)
    statement = update(messages).where(messages.c.key == claim["key"], lapsed, ~stored)
    values = {name: claim[name] for name in ("holder", "lease_until")}
    if connection.execute(statement.values(values)).rowcount == 1:
        return True
    return _is_held(connection, claim)


def _is_held(connection: Connection, claim: Row) -> bool:
    held = messages.c.key == claim["key"], messages.c.holder == claim["holder"]
    return connection.execute(select(messages.c.key).where(*held)).first() is not None


def _unclaim(connection: Connection, key: str, holder: str = "") -> None:
    statement = delete(messages).where(messages.c.key == key, messages.c.answer.is_(None))
    if holder:
        statement = statement.where(messages.c.holder == holder)
    connection.execute(statement)

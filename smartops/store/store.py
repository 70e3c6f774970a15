"""What must survive a restart, and what several processes must agree on."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Self

import anyio
import anyio.to_thread
from sqlalchemy import RowMapping, Select, select
from sqlalchemy.exc import SQLAlchemyError

from smartops.services import Clock

from . import acts, changes, conversation, upkeep
from .database import READERS, Database, database
from .rows import (
    LEASE,
    Approval,
    Operation,
    OperationState,
    Phase,
    Question,
    Record,
    Showing,
    StoreClosed,
    StoreUnavailable,
    token_key,
)
from .schema import migrate
from .tables import approvals, operations, records, revoked, showings
from .writer import Writer

KEEP = 90 * 86_400.0
"""For how many seconds the history is kept if nobody says otherwise."""


class Store:
    """The durable state of SmartOps. Open it with :meth:`open`, on the loop that uses it.

    What is awaited is durable when it returns. Reads see everything that this
    process asked for before them. Every method raises StoreUnavailable when the
    database is away and StoreClosed after :meth:`aclose`.
    """

    def __init__(self, database: Database, clock: Clock, keep: float) -> None:
        self._database = database
        self._clock = clock
        self._keep = keep
        self._writer = Writer(database.writer)
        self._readers = anyio.CapacityLimiter(READERS)
        self.owner = secrets.token_hex(8)
        self._numbers = itertools.count()

    @classmethod
    async def open(cls, url: str, clock: Clock, *, keep: float = KEEP) -> Self:
        """Open the store under ``url``, bringing its schema up to date.

        ``url`` is ``sqlite:///PATH`` (``?synchronous=normal`` gives the last
        moments before a power cut for speed) or ``postgresql://…``. ``keep``
        is for how many seconds the history is kept. Raises StartupError.
        """
        opened = database(url)
        try:
            await anyio.to_thread.run_sync(migrate, opened)
        except BaseException:
            opened.dispose()
            raise
        return cls(opened, clock, keep)

    async def aclose(self) -> None:
        """Write what is queued and close."""
        with anyio.CancelScope(shield=True):
            await self._writer.aclose()
            await anyio.to_thread.run_sync(self._database.dispose)

    async def ping(self) -> None:
        """Return if the store can be written, else raise StoreUnavailable."""
        try:
            await self._writer.write(upkeep.BEAT, self._clock.time())
        except SQLAlchemyError as error:
            raise StoreUnavailable("The store cannot be written") from error

    # Acts: what was said once is done once.

    async def claim(self, key: str) -> bool:
        """Return whether this act is new, to this and every other process.

        A caller cancelled meanwhile gives the claim back, as nobody would act.
        """
        holder = f"{self.owner}-{next(self._numbers)}"
        claim = acts.Claim(key, self._clock.time(), holder)
        try:
            return await self._writer.write(acts.CLAIM, claim)
        except anyio.get_cancelled_exc_class():
            with suppress(StoreClosed):
                self._writer.queue(acts.DISCLAIM, claim)
            raise

    async def release(self, key: str) -> None:
        """Forget an act that has no answer, so that it can be claimed again."""
        await self._writer.write(acts.RELEASE, key)

    def settle(self, key: str, answer: bytes | None) -> None:
        """Keep what was answered to an act, soon. Without an answer there is nothing to keep."""
        if answer is not None:
            self._writer.queue(acts.SETTLE, acts.Answer(key, answer))

    async def answer(self, key: str) -> bytes | None:
        """Return what was answered to an act; None if nothing was kept, or nothing yet."""
        rows = await self._read(acts.answer_to(key))
        return rows[0]["answer"] if rows else None

    # Approvals: decided once, by compare and set.

    async def add_approval(self, approval: Approval, showing: Showing) -> None:
        """Keep a pending approval, and which message asks for it."""
        await self._writer.write(changes.ADD, changes.Asked(approval, showing))

    async def show_approval(self, showing: Showing) -> None:
        """Keep that one more message shows an approval."""
        await self._writer.write(changes.SHOW, showing)

    async def approval(self, id: str) -> Approval | None:
        """Return an approval, in whatever state it is."""
        return await self._approval(select(approvals).where(approvals.c.id == id))

    async def approval_behind(self, token: str) -> Approval | None:
        """Return the approval that a button's token stands for, in whatever state it is."""
        return await self._approval(changes.approval_behind(token_key(token)))

    async def _approval(self, query: Select[Any]) -> Approval | None:
        rows = await self._read(query)
        return changes.approval_of(rows[0], self._clock.time()) if rows else None

    def shown(self, key: str, shown: str) -> None:
        """Keep the platform's id of the message that shows an approval, soon."""
        self._writer.queue(changes.SHOWN, changes.Shown(key, shown))

    async def showings(self, approval: str) -> list[Showing]:
        """Return the messages that show an approval."""
        rows = await self._read(select(showings).where(showings.c.approval == approval))
        return [Showing(**row) for row in rows]

    async def pending(self, person: str, shown_in: tuple[str, str] | None = None) -> list[Approval]:
        """Return what waits for a person's decision, soonest to expire first.

        ``shown_in``, a channel and a conversation, leaves out what is shown
        elsewhere only.
        """
        now = self._clock.time()
        query = changes.pending_of(person, now)
        if shown_in is not None:
            query = query.where(approvals.c.id.in_(changes.shown_in(*shown_in)))
        return [changes.approval_of(row, now) for row in await self._read(query)]

    async def accept(self, approval: str, operation: Operation) -> bool:
        """Confirm an approval and begin its operation, both or neither.

        Returns False, and does nothing, if it was not pending any more. A caller
        that is cancelled meanwhile, or loses the store, carries nothing out: the
        operation is then ended as failed.
        """
        now = self._clock.time()
        begun = replace(_leased(operation, now), approval_id=approval)
        try:
            return await self._writer.write(changes.ACCEPT, changes.Decision(approval, now, begun))
        except (anyio.get_cancelled_exc_class(), StoreUnavailable):
            self._abandon(operation)
            raise

    async def cancel(self, approval: str) -> bool:
        """Cancel an approval; False if it was not pending any more."""
        decision = changes.Decision(approval, self._clock.time())
        return await self._writer.write(changes.CANCEL, decision)

    # Operations: under way in one process, which renews its lease on them.

    async def begin(self, operation: Operation) -> None:
        """Begin an operation that needed no approval; see :meth:`accept`."""
        try:
            await self._writer.write(changes.BEGIN, _leased(operation, self._clock.time()))
        except (anyio.get_cancelled_exc_class(), StoreUnavailable):
            self._abandon(operation)
            raise

    async def finish(self, id: str, state: OperationState, answer: bytes | None) -> bool:
        """End an operation. Returns False if it is unknown or ended otherwise before.

        One that was given up as ``unknown`` can still be said to be done or failed.
        If the store is away, that is raised, and it is ended as soon as it is back.
        """
        end = changes.End(id, state, self._clock.time(), answer)
        try:
            return await self._writer.write(changes.FINISH, end)
        except StoreUnavailable:
            self._writer.queue(changes.FINISH, end)
            raise

    async def operation(self, id: str) -> Operation | None:
        """Return an operation by its id."""
        rows = await self._read(select(operations).where(operations.c.id == id))
        return changes.operation_of(rows[0]) if rows else None

    async def operations(
        self, person: str | None = None, state: OperationState | None = None, limit: int = 20
    ) -> list[Operation]:
        """Return operations, newest first."""
        rows = await self._read(changes.operations_of(person, state, limit))
        return [changes.operation_of(row) for row in rows]

    async def operation_of(self, act: str) -> Operation | None:
        """Return the operation that was begun for an act."""
        rows = await self._read(select(operations).where(operations.c.act == act))
        return changes.operation_of(rows[0]) if rows else None

    async def keep_steps(self, id: str, steps: str, *, resumable: bool = True) -> bool:
        """Keep what an operation of ours has done so far; False if it is not ours any more.

        From then on it goes on after its process ended if it is ``resumable``.
        """
        kept = changes.Steps(id, self.owner, steps, resumable)
        return await self._writer.write(changes.STEPS, kept)

    async def request_cancel(self, id: str) -> bool:
        """Ask whoever carries out an operation to stop; False if it does not run any more."""
        return await self._writer.write(changes.REQUEST_CANCEL, id)

    async def cancel_requests(self) -> set[str]:
        """Return the ids of our running operations that are to be stopped."""
        mine = operations.c.owner == self.owner
        query = select(operations.c.id).where(mine, operations.c.state == "running")
        rows = await self._read(query.where(operations.c.cancel_requested))
        return {row["id"] for row in rows}

    async def renew(self, until: float, carried: Sequence[str], answered: Sequence[str]) -> int:
        """Extend our leases on the operations carried out here, and on the acts answered here.

        Returns how many are still ours.
        """
        held = 0
        for act, keys in ((changes.RENEW, carried), (conversation.RENEW, answered)):
            for start in range(0, len(keys), upkeep.PIECE):
                piece = keys[start : start + upkeep.PIECE]
                held += await self._writer.write(act, changes.Lease(self.owner, until, piece))
        return held

    async def yield_lease(self, id: str) -> None:
        """Let somebody else go on with an operation of ours at once."""
        await self._writer.write(changes.YIELD, changes.Yielding(id, self.owner))

    async def orphans(self, now: float) -> list[Operation]:
        """Take over the running operations whose lease ran out, and return them.

        Resumable ones are ours from now on; the others are marked unknown. Of
        several processes that ask, one gets each.
        """
        adoption = changes.Adoption(self.owner, now, now + LEASE)
        found = await self._writer.write(changes.ADOPT, adoption)
        return list(found)

    # The inbox: messages that are answered later, and must be.

    async def arrive(self, key: str, message: bytes) -> bool:
        """Claim an act and keep its message until it is answered; False if it is known."""
        now = self._clock.time()
        claim = acts.Claim(key, now, f"{self.owner}-{next(self._numbers)}")
        arrival = conversation.Arrival(claim, message, self.owner, now + LEASE)
        return await self._writer.write(conversation.ARRIVE, arrival)

    def delivered(self, key: str) -> None:
        """Let go of a message that was answered, soon."""
        self._writer.queue(conversation.DELIVERED, conversation.Answered(key))

    async def undelivered(self, now: float) -> list[tuple[str, bytes]]:
        """Take over the messages that nobody answers any more, and return them with their keys."""
        taking = conversation.Taking(self.owner, now, now + LEASE)
        found = await self._writer.write(conversation.TAKE, taking)
        return list(found)

    async def leave(self) -> None:
        """Let somebody else answer what we have not answered, at once."""
        await self._writer.write(conversation.LEAVE, self.owner)

    # Questions: an argument that somebody was asked for.

    async def ask(self, question: Question) -> None:
        """Keep a question; it replaces the one before it in the same conversation."""
        await self._writer.write(conversation.ASK, question)

    async def take_question(
        self, person: str, channel: str, conversation_id: str
    ) -> Question | None:
        """Return and forget what a person was asked there, if it is not too long ago."""
        about = (person, channel, conversation_id)
        question = await self._writer.write(conversation.ANSWER, about)
        return question if question and question.expires > self._clock.time() else None

    def close_question(self, asked: Question) -> None:
        """Delete, soon, the question of that person there, unless it expires after ``asked``."""
        self._writer.queue(conversation.CLOSE, asked)

    # The shelf: what plugins keep.

    async def facts(self, name: str, prefix: str = "") -> dict[str, str]:
        """Return what a plugin keeps under keys that begin so."""
        rows = await self._read(conversation.facts(name, prefix))
        return {row["key"]: row["value"] for row in rows}

    async def put_fact(self, name: str, key: str, value: str) -> None:
        """Keep something for a plugin."""
        await self._writer.write(conversation.PUT, conversation.Fact(name, key, value))

    async def drop_fact(self, name: str, key: str) -> None:
        """Forget something a plugin kept."""
        await self._writer.write(conversation.DROP, conversation.Fact(name, key))

    # Records: the history, only ever added to.

    def record(self, record: Record) -> None:
        """Add to the history, soon. Raises StoreUnavailable if far too much waits already."""
        self._writer.queue(acts.RECORD, record)

    async def record_durably(self, record: Record) -> None:
        """Add to the history, before anything else happens."""
        await self._writer.write(acts.RECORD, record)

    async def history(
        self,
        person: str,
        limit: int,
        before: int | None = None,
        *,
        phase: Phase | None = None,
    ) -> list[Record]:
        """Return a person's records, newest first, those with an id below ``before``."""
        query = select(records).where(records.c.person == person)
        if before is not None:
            query = query.where(records.c.id < before)
        if phase is not None:
            query = query.where(records.c.phase == phase)
        rows = await self._read(query.order_by(records.c.id.desc()).limit(limit))
        return [Record(**row) for row in rows]

    # Tokens that are not to be believed any more.

    async def revoke(self, jti: str, until: float) -> None:
        """Refuse the token with this id; it would have expired at ``until``."""
        await self._writer.write(upkeep.REVOKE, upkeep.Revocation(jti, until))

    async def revoked(self) -> set[str]:
        """Return the ids of the tokens that are revoked and would not have expired."""
        rows = await self._read(select(revoked.c.jti).where(revoked.c.until > self._clock.time()))
        return {row["jti"] for row in rows}

    async def sweep(self, now: float) -> bool:
        """Delete what is too old to matter, in pieces between which others get their turn.

        Returns whether more is left: so that nothing waits for it long, it is
        not done in one go.
        """
        more = False
        for old in upkeep.stale(now, self._keep):
            for _ in range(upkeep.PIECES):
                full = await self._writer.write(upkeep.SWEEP, old) == upkeep.PIECE
                if not full:
                    break
            more |= full
        return more

    def _abandon(self, operation: Operation) -> None:
        end = changes.End(operation.id, "failed", self._clock.time())
        with suppress(StoreClosed):
            self._writer.queue(changes.FINISH, end)

    async def _read(self, query: Select[Any]) -> Sequence[RowMapping]:
        await self._writer.flush()
        return await anyio.to_thread.run_sync(self._fetch, query, limiter=self._readers)

    def _fetch(self, query: Select[Any]) -> Sequence[RowMapping]:
        try:
            with self._database.readers.connect() as connection:
                return connection.execute(query).mappings().all()
        except SQLAlchemyError as error:
            raise StoreUnavailable("The store cannot be read", retry_after=1) from error


def _leased(operation: Operation, now: float) -> Operation:
    return operation if operation.lease_until else replace(operation, lease_until=now + LEASE)

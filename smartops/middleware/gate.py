"""The gate: every way in becomes a Turn and passes these steps, in this order.

A TimeoutError of the handler's own is not ours to explain away; a failure
inside any step refuses. Here, and nowhere else, exceptions become replies.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from smartops.command import Effect
from smartops.contained import CANCELLED
from smartops.errors import BackendUnavailable, DeadlineExceeded, RateLimited, Refusal
from smartops.message import Claims, Message
from smartops.plugins import Offer
from smartops.reply import Reply
from smartops.store import Operation

from .approve import approve
from .authorise import authorise
from .deduplicate import deduplicate
from .dispatch import dispatch
from .ending import given_up, outcome_of
from .identify import identify, person_of
from .limit import exceeded, limit, take
from .outcome import note, unforeseen
from .parse import parse
from .questions import with_question
from .record import record
from .turn import Parts, Proceed, Step, Turn
from .watcher import Watcher

log = logging.getLogger("smartops.gate")

STEPS: tuple[Step, ...] = (
    deduplicate,
    identify,
    limit,
    parse,
    authorise,
    approve,
    record,
)


class Gate:
    """The only way to a command. Built once at start, around the plugins' layers."""

    def __init__(self, parts: Parts, layers: Sequence[Offer] = ()) -> None:
        self.parts = parts
        proceed: Proceed = partial(dispatch, parts, tuple(layers))
        for step in reversed(STEPS):
            proceed = partial(step, parts, proceed)
        self._way = proceed

    async def handle(
        self,
        message: Message,
        *,
        act: str = "",
        retaken: bool = False,
        pushed: bool = False,
        watcher: Watcher | None = None,
    ) -> Reply:
        """Return the answer to a message; raises nothing but cancellation.

        ``act`` is the key of an act that was claimed before, ``retaken`` says
        by a process that stopped, ``watcher`` is told how far it is. Nobody
        waits for an answer that is ``pushed``.
        """
        turn = Turn(
            message,
            self.parts.clock.time(),
            watcher or Watcher(),
            retaken=retaken,
            act=act,
            claimed=bool(act),
            pushed=pushed,
        )
        return await self._answer(turn)

    async def resume(self, operation: Operation) -> Reply:
        """Go on with an operation whose process stopped, and return its outcome.

        One that may not go on (its person lost the right, its command is gone)
        ends there: it is unknown what it has done. One that cannot go on yet (a
        backend is away) is left for the next that takes it over.
        """
        message = Message.load(operation.message.encode())
        turn = Turn(message, self.parts.clock.time(), operation=operation)
        with self.parts.running.expect(operation.id):
            reply = await self._reply(turn)
            if turn.work is None:
                log.warning("%s cannot go on: %s", operation.id, reply.error)
                if not isinstance(reply.error, BackendUnavailable | DeadlineExceeded):
                    reply = given_up(operation, reply)
                    await self.parts.store.finish(operation.id, "unknown", reply.dump())
            await self._conclude(turn, reply)
        return reply

    async def lost(self, operation: Operation) -> None:
        """Record that the outcome of an operation is unknown: its process stopped in the middle."""
        message = Message.load(operation.message.encode())
        turn = Turn(message, operation.started, operation=operation, act=operation.id)
        note(self.parts, turn, outcome_of(operation))

    async def _answer(self, turn: Turn) -> Reply:
        try:
            reply = await self._reply(turn)
            await self._conclude(turn, reply)
        finally:
            if turn.claimed:
                self.parts.running.end(turn.act)
        return reply

    async def _reply(self, turn: Turn) -> Reply:
        message = turn.message
        try:
            reply = await self._way(turn)
        except Refusal as refusal:
            reply = Reply.refused(refusal)
        except CANCELLED:
            if turn.work and turn.operation and turn.operation.state == "unknown":
                note(self.parts, turn, outcome_of(turn.operation))
            raise
        except BaseException as error:  # noqa: BLE001 - a plugin's SystemExit fails its message only
            reply = Reply.refused(unforeseen(turn, error))
        return replace(
            reply,
            view=with_question(turn, reply.view),
            quota=turn.quota,
            request_id=message.request_id,
            repeated=turn.repeated,
            closes=turn.closes or reply.closes,
            private=reply.private and not turn.closes,
        )

    async def refuse(self, error: Refusal, claims: Claims, request_id: str) -> Reply:
        """Return the answer to a proven caller whose request cannot be read.

        It is counted like any other, so that malformed requests are no way
        round the limits.
        """
        if claims.identity is None:
            return replace(Reply.refused(error), request_id=request_id)
        person = person_of(self.parts, claims.identity)
        verdict = await take(self.parts, person, claims.team)
        reply = Reply.refused(error if verdict.allowed else exceeded(verdict))
        return replace(reply, quota=verdict.quota, request_id=request_id)

    async def _conclude(self, turn: Turn, reply: Reply) -> None:
        store = self.parts.store
        limited = isinstance(reply.error, RateLimited) and turn.command is None
        note(self.parts, turn, reply, keep=not limited)
        try:
            if turn.claimed and limited:
                await store.release(turn.act)  # to be tried again later, it must not be known
            elif turn.claimed and turn.effect is not Effect.READ:
                store.settle(turn.act, reply.dump())
            elif turn.claimed and turn.operation is None and not turn.pushed:
                store.settle(turn.act, reply.dump(), read=True)
        except Exception:
            log.exception("answer not kept", extra={"request_id": turn.message.request_id})

"""The gate: the whole way of a message, top to bottom.

A failure inside any step refuses. Here, and nowhere else, exceptions become
replies. A TimeoutError of a handler's own is a failure like any other.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar

from smartops.command import Effect
from smartops.contained import Caught
from smartops.errors import (
    ApprovalInvalid,
    BackendUnavailable,
    DeadlineExceeded,
    Refusal,
    ValidationFailed,
)
from smartops.message import Claims, Message
from smartops.plan import Plan
from smartops.reply import Reply
from smartops.store import Approval, AuditEvent, Operation, StoreUnavailable

from .access import (
    LimitExceeded,
    authorise,
    check_guards,
    exceeded,
    identify,
    is_first_excess,
    naming_failures,
    take_limits,
)
from .approvals import ApprovalOver, approve, plan_digest, plan_of, with_buttons, without_tokens
from .audit import (
    Trail,
    is_put_back,
    notify,
    trail_event,
    unforeseen,
    write_audit_event,
)
from .demands import needed
from .dispatch import Run, dispatch
from .duplicates import digest_of, first_answer, idempotency_key, outcome, stored_answer
from .operations import begin, can_resume, execute, given_up, outcome_of
from .parse import check_known, parse, proposed, requested_call, stored_call
from .planning import planned
from .questions import ask_in_words, naming_question
from .requests import approve_by_others, emergency_posts, refused_at_last
from .running import ProgressReporter
from .steps import Allowed, Answer, Claimed, Identified, Parts, Understood, answer
from .undoing import UNDO, check_left, undone

log = logging.getLogger("smartops.gate")

T = TypeVar("T")


class Gate:
    """The only way to a command."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    async def begin(self, message: Message, *, store: bool = False) -> Claimed | Answer | None:
        """Claim a message; None if it is a duplicate, the answer if it cannot be claimed."""
        trail = self._trail(message)
        claimed = await self._guarded(trail, self.claim(message, store=store))
        return self._recorded(trail, claimed) if isinstance(claimed, Reply) else claimed

    async def claim(self, message: Message, *, store: bool = False) -> Claimed | None:
        """Claim a message under its idempotency key; None if it is a duplicate.

        With ``store`` it is stored with the claim until it is delivered. Raises
        StoreUnavailable.
        """
        if not message.id:
            return Claimed(message)
        key, stored = idempotency_key(message), message.dump() if store else None
        new = await self.parts.store.claim(key, digest_of(message), stored)
        return self._begun(message, key) if new else None

    async def first_answer(self, message: Message) -> Claimed | Answer:
        """Wait for the answer to the message that a duplicate repeats, at any replica.

        If there will be none, the duplicate is claimed in its place.
        """
        trail = self._trail(message, idempotency_key(message))
        first = await self._guarded(trail, self._first(message, trail))
        return first if isinstance(first, Claimed) else self._recorded(trail, first)

    async def take_over(self, claimed: Claimed, progress: ProgressReporter) -> Answer:
        """Answer a message whose process stopped: as it did, by its operation, or afresh."""
        found = await stored_answer(self.parts, claimed.key)
        if found is None:
            self._begun(claimed.message, claimed.key)
            return await self.answer(claimed, progress)
        if isinstance(found, Operation) and claimed.message.action:
            progress.accepted()
        trail = self._trail(claimed.message, claimed.key)
        return self._recorded(trail, await self._guarded(trail, self._outcome(found, trail)))

    async def answer(self, claimed: Claimed, progress: ProgressReporter | None = None) -> Answer:
        """Return the answer to a claimed message, and store it for duplicates."""
        message, key = claimed.message, claimed.key
        trail = self._trail(message, key)
        asked = Identified(message, trail.person, key, progress or ProgressReporter())
        try:
            made = await self._guarded(trail, self._limited(asked, trail))
            reply = answer(
                made, quota=trail.quota, request_id=message.request_id, surplus=trail.surplus
            )
            write_audit_event(self.parts, trail, reply)
            with Caught(log, "the answer to request %s was not stored", message.request_id):
                await self._settle(claimed, reply, trail)
        finally:
            self.parts.running.end(key)
        return reply

    async def _settle(self, claimed: Claimed, reply: Answer, trail: Trail) -> None:
        """Store the answer for duplicates; one beyond the limits is to be sent again.

        The answer to a read that is pushed is not stored: no duplicate waits for it, and if
        this process is killed before the push, another one reads again.
        Unless it answers a read, its audit event is durable before it is given. While the
        store is away, events wait in memory.
        """
        store, key = self.parts.store, claimed.key
        if key and isinstance(reply.error, LimitExceeded):
            await store.release(key)
        elif key:
            stored = None if trail.read and claimed.pushed else without_tokens(reply).dump()
            store.settle(key, stored, read=trail.read)
        if not trail.read and not trail.surplus:
            with suppress(StoreUnavailable):
                await store.flush()

    async def _count(self, trail: Trail) -> None:
        """Count a message against the limits; raises LimitExceeded."""
        verdict = await take_limits(self.parts, trail.person, trail.message.team)
        trail.quota = verdict.quota
        if not verdict.allowed:
            trail.surplus = not await is_first_excess(self.parts, trail.person, verdict)
            raise exceeded(verdict)

    async def _limited(self, asked: Identified, trail: Trail) -> Reply:
        await self._count(trail)
        notify(self.parts, trail, "received")
        understood = await parse(self.parts, asked, partial(self._proposed, asked))
        if isinstance(understood, Reply):
            return understood
        if understood.command.name == UNDO:
            understood = await undone(self.parts, understood)
        if not understood.answers:
            reply = await self._called(asked, understood, trail)
        else:
            reply = await self._guarded(trail, self._called(asked, understood, trail))
        if isinstance(reply, Answer) and reply.fulfils:
            approval = await self.parts.store.approval(reply.decided)
            if approval is not None and approval.state == "requested":
                reply = await self.fulfil(approval, asked.key, asked.progress)
        await ask_in_words(self.parts, asked, reply)
        return naming_question(understood.answers, reply)

    async def _called(self, asked: Identified, understood: Understood, trail: Trail) -> Reply:
        allowed = await self._allowed(understood, trail)
        if allowed.plan is None:
            reply = await self._read(asked, understood, allowed, trail)
        else:
            reply = await self._change(asked, understood, allowed, allowed.plan, trail)
        return naming_failures(allowed.failures, reply) if reply.error is None else reply

    async def _allowed(
        self, understood: Understood, trail: Trail, operation: Operation | None = None
    ) -> Allowed:
        """Return the call, with its plan if it is a change, if policy and guards allow it.

        The plan of an ``operation`` is the approved one; it is not made again.
        """
        parts = self.parts
        trail.runs(understood.command, understood.call)
        allowed = await authorise(parts, understood.command, understood.call)
        trail.allowed(allowed)
        if operation is not None:
            allowed = replace(allowed, plan=plan_of(operation.plan) if operation.plan else None)
        elif allowed.effect is not Effect.READ:
            plan = await planned(parts, allowed)
            if understood.undoes is not None:
                check_left(understood.undoes, plan)
            allowed = replace(allowed, plan=plan)
        trail.plan_digest = plan_digest(allowed, allowed.plan) if allowed.plan else ""
        demands = await check_guards(parts, allowed)
        return replace(allowed, demands=demands) if demands else allowed

    async def _read(
        self, asked: Identified, understood: Understood, allowed: Allowed, trail: Trail
    ) -> Reply:
        """Read at once, or as an operation if it may outlast the process."""
        parts = self.parts
        if understood.approval is not None:
            raise ApprovalInvalid("This confirmation is not for a change")
        trail.read = True
        if allowed.command.takes_work:
            operation = await begin(parts, asked, allowed, trail)
            return await execute(parts, operation, allowed, trail=trail, progress=asked.progress)
        notify(parts, trail, "started")
        run = Run(parts.wired[allowed.command.name], allowed.call, allowed.effect)
        return await dispatch(parts.clock, parts.layers, run)

    async def _change(
        self, asked: Identified, understood: Understood, allowed: Allowed, plan: Plan, trail: Trail
    ) -> Reply:
        """Answer a change with what it waits for, or execute it if its plan was approved.

        First its own person confirms it, then others approve it where that is demanded.
        """
        parts, approval = self.parts, understood.approval
        trail.approval, demanded = approval, needed(parts, allowed)
        unapproved = await approve(parts, understood, allowed, plan, demanded)
        if unapproved is None and approval is not None and demanded.demands:
            unapproved = await approve_by_others(parts, asked, approval, demanded)
        if unapproved is not None:
            return unapproved
        posts = emergency_posts(parts, asked, allowed, approval)
        operation = await begin(parts, asked, allowed, trail, approval, posts=posts)
        if approval is not None:
            notify(parts, trail, "approved")
        return await execute(parts, operation, allowed, trail=trail, progress=asked.progress)

    async def fulfil(
        self, approval: Approval, key: str = "", progress: ProgressReporter | None = None
    ) -> Answer:
        """Make the call of a request again, which may be approved by enough others now.

        It is made as the person who requested it, with the rights of now. What is refused
        now is refused for good; unless only a backend is away.
        """
        parts, message = self.parts, Message.load(approval.message.encode())
        trail = self._trail(message, key)
        asked = Identified(message, trail.person, key, progress or ProgressReporter())
        reply = await self._guarded(trail, self._approved(asked, approval, trail))
        if isinstance(reply.error, ApprovalInvalid) and not isinstance(reply, Answer):
            return answer(reply)  # it was decided meanwhile, and is shown so
        if trail.operation is None and reply.error is not None:
            reply = await refused_at_last(parts, approval, reply)
        if trail.operation is not None or reply.error is not None:
            write_audit_event(parts, trail, reply)
        actions = () if trail.operation else reply.actions  # Undo is not for those who approve
        return answer(reply, decided=approval.id, private=False, actions=actions)

    async def _approved(self, asked: Identified, approval: Approval, trail: Trail) -> Reply:
        return await self._called(asked, await requested_call(self.parts, asked, approval), trail)

    async def _proposed(self, asked: Identified, text: str) -> Reply:
        """Run a command for an interpreter, with an audit event of its own."""
        trail, unclaimed = self._trail(asked.message), replace(asked, key="")

        async def run() -> Reply:
            return await self._called(unclaimed, proposed(self.parts, unclaimed, text), trail)

        reply = await self._guarded(trail, run())
        write_audit_event(self.parts, trail, reply)
        return reply

    async def resume(self, operation: Operation) -> Reply:
        """Resume an operation whose process stopped, and return its outcome.

        If it may not be resumed (its person lost the right, its command is gone)
        its outcome is unknown. If it cannot be resumed yet (a backend is away)
        it is left for the next process that takes it over.
        """
        parts = self.parts
        trail = self._trail(Message.load(operation.message.encode()))
        with parts.running.expect(operation.id):
            allowed = await self._guarded(trail, self._allowed_again(operation, trail))
            if isinstance(allowed, Reply):
                reply = await self._not_resumed(operation, allowed)
            else:
                trail.begins(operation)
                reply = await execute(
                    parts, operation, allowed, trail=trail, progress=ProgressReporter()
                )
            write_audit_event(parts, trail, reply)
        return reply

    async def _allowed_again(self, operation: Operation, trail: Trail) -> Allowed:
        """Return the call of a stored operation if it is still allowed and can be resumed."""
        check_known(trail.person)
        if await is_put_back(self.parts, operation):
            event = trail_event(self.parts, trail, "forged", "refused")
            text = f"{operation.id} was put back to an earlier state"
            self.parts.store.add_audit_event(replace(event, text=text))
            raise ValidationFailed("The audit log says that it had come further")
        asked = Identified(trail.message, trail.person)
        understood = stored_call(self.parts, asked, operation, by_id=True)
        allowed = await self._allowed(understood, trail, operation)
        if not can_resume(allowed.command, operation):
            name = allowed.command.name
            raise ValidationFailed(f"{name} cannot be resumed where it was stopped")
        return allowed

    async def _not_resumed(self, operation: Operation, refused: Reply) -> Reply:
        log.warning("%s cannot be resumed: %s", operation.id, refused.error)
        if isinstance(refused.error, BackendUnavailable | DeadlineExceeded):
            return refused
        reply = given_up(operation, refused)
        await self.parts.store.finish(operation.id, "unknown", reply.dump())
        return reply

    async def lost(self, operation: Operation) -> None:
        """Write the audit event of an operation whose process stopped: its outcome is unknown."""
        trail = self._trail(Message.load(operation.message.encode()), operation.id)
        trail.started = operation.started
        trail.refers_to(operation)
        write_audit_event(self.parts, trail, outcome_of(operation))

    async def refuse(self, error: Refusal, claims: Claims, request_id: str) -> Reply:
        """Return the answer to a proven caller whose request cannot be read.

        It is counted like any other, so that malformed requests do not
        evade the limits.
        """
        if claims.identity is None:
            return replace(Reply.refused(error), request_id=request_id)
        person = identify(self.parts, claims.identity, claims.roles)
        verdict = await take_limits(self.parts, person, claims.team)
        if verdict.allowed:
            event = AuditEvent.of(
                "refused",
                self.parts.clock.time(),
                "(a request that cannot be read)",
                request_id=request_id,
                person=person.name,
                identity=str(claims.identity),
                outcome=error.code,
            )
            with suppress(StoreUnavailable):
                self.parts.store.add_audit_event(event)
        reply = Reply.refused(error if verdict.allowed else exceeded(verdict))
        return replace(reply, quota=verdict.quota, request_id=request_id)

    async def _first(self, message: Message, trail: Trail) -> Claimed | Answer:
        await self._count(trail)
        first = await first_answer(self.parts, message, trail.key)
        if first is None:
            return self._begun(message, trail.key)
        trail.duplicate = True
        return await self._outcome(first, trail)

    def _begun(self, message: Message, key: str) -> Claimed:
        self.parts.running.begin(key)
        return Claimed(message, key)

    async def _outcome(self, first: Answer | Operation, trail: Trail) -> Answer:
        if isinstance(first, Answer):
            return await with_buttons(self.parts, trail.message, first)
        trail.refers_to(first)
        return await outcome(self.parts, first)

    def _recorded(self, trail: Trail, reply: Reply) -> Answer:
        write_audit_event(self.parts, trail, reply)
        return answer(reply, request_id=trail.message.request_id, quota=trail.quota)

    def _trail(self, message: Message, key: str = "") -> Trail:
        person = identify(self.parts, message.sender, message.roles)
        return Trail(message, person, self.parts.clock.time(), key)

    async def _guarded(self, trail: Trail, step: Awaitable[T]) -> T | Reply:
        """Return what a step returns, or the reply that its exception becomes; without secrets."""
        with Caught() as caught:
            try:
                made: T | Reply = await step
            except ApprovalInvalid as refusal:
                made = await self._raced(trail, refusal)
            except Refusal as refusal:
                trail.refused(refusal)
                made = Reply.refused(refusal)
            return self.parts.masker.reply(made) if isinstance(made, Reply) else made
        return Reply.refused(unforeseen(trail, caught.error))

    async def _raced(self, trail: Trail, refusal: ApprovalInvalid) -> Reply:
        """Return the outcome of the operation that a duplicate of the message began, if any."""
        store, approval = self.parts.store, trail.approval
        operation = await store.operation_of(trail.key) if trail.key else None
        if operation is None and approval is not None and approval.requested:
            operation = await store.operation_for(approval.id)
            trail.duplicate = operation is not None
        if operation is not None:
            return await self._outcome(operation, trail)
        if isinstance(refusal, ApprovalOver):
            return answer(Reply.refused(refusal), decided=refusal.approval, private=False)
        return Reply.refused(refusal)

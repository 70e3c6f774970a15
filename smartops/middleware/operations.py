"""Operations: stored before the effect and ended with the outcome."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from typing import Any, NoReturn

import anyio
import anyio.lowlevel

from smartops.command import Command, Effect
from smartops.contained import Caught
from smartops.errors import ApprovalInvalid, BackendUnavailable, DeadlineExceeded, Refusal
from smartops.grammar import dump_arguments
from smartops.reply import Reply, Severity, Text
from smartops.store import (
    Approval,
    ApprovalMessage,
    AuditEvent,
    Operation,
    OperationState,
    StoreUnavailable,
)
from smartops.work import Work

from .audit import Trail, final_event, notify, step_text, trail_event, unforeseen, write_audit_event
from .dispatch import Run, dispatch
from .running import ProgressReporter
from .steps import Allowed, Answer, Identified, Parts, answer
from .undoing import inverse_of, with_undo

log = logging.getLogger("smartops.gate")

LOOK_FIRST = "The result is unknown. Check the target's state before you retry."
_STOPPED = f"SmartOps was stopped while it was under way. {LOOK_FIRST}"
_PART = "Part of it may have taken effect: check the target's state before you retry."
_NOT_BEGUN = "It was never begun; nothing was changed."

LOOK = 2.0
"""After how many seconds an operation of another process is looked at again."""


async def begin(
    parts: Parts,
    asked: Identified,
    allowed: Allowed,
    trail: Trail,
    approval: Approval | None = None,
    *,
    posts: Sequence[ApprovalMessage] = (),
) -> Operation:
    """Store an operation before its effect, using up the ``approval`` of a change.

    Reads that may outlast the process are operations too. ``posts`` are to be posted from
    then on.
    """
    operation = _operation(parts, asked, allowed, approval)
    begun = replace(trail, key=operation.id, operation=operation)
    event = trail_event(parts, begun, "started", "started")
    if approval is None:
        if not await parts.store.begin(operation, event):
            raise ApprovalInvalid("This was begun in the meantime", details="See: history")
    elif await parts.store.accept(approval.id, operation, event, state=approval.state, posts=posts):
        asked.progress.accepted()
    else:
        raise ApprovalInvalid("This confirmation was used in the meantime", details="See: history")
    trail.begins(operation)
    return operation


def can_resume(command: Command, operation: Operation) -> bool:
    """Return True if the handler may be called again for this operation."""
    return command.resumable or (command.takes_work and operation.steps != "{}")


async def execute(
    parts: Parts,
    operation: Operation,
    allowed: Allowed,
    *,
    trail: Trail,
    progress: ProgressReporter,
) -> Answer:
    """Execute an operation, store how it ended, and return that.

    Whatever ends it early leaves an operation that says so: failed if the
    backend refused, unknown if the effect may have happened, and still running
    if another process can resume it.
    """
    with parts.running.execute(operation.id) as scope:
        note = partial(_step_event, parts, trail, operation)
        work = StoredWork(parts, operation, progress, scope, command=allowed.command, note=note)
        call = replace(allowed.call, idempotency_key=operation.id)
        run = Run(parts.wired[call.command], call, allowed.effect, allowed.plan, work, work.scopes)
        notify(parts, trail, "started")
        reply: Reply | None = None
        try:
            state, reply = await _attempt(parts, operation, run, trail)
        finally:  # without a reply: it is cancelled
            if reply is None:
                state, reply = _interrupted(operation, run, work, requested=scope.cancel_called)
            trail.unknown = state == "unknown"
            if not work.taken_over:
                with anyio.CancelScope(shield=True):
                    await _end(parts, operation, state, reply, trail)
            if reply is None and state == "unknown":  # at shutdown, which answers nothing more
                lost = outcome_of(replace(operation, state=state))
                write_audit_event(parts, trail, lost)
    if work.taken_over:
        reply = outcome_of(await ended_elsewhere(parts, operation))
    return decided(reply or cancelled(operation, run), operation)


async def _attempt(
    parts: Parts, operation: Operation, run: Run, trail: Trail
) -> tuple[OperationState, Reply]:
    """Run the call, and return how the operation ended."""
    changes = run.effect is not Effect.READ
    inverse = await inverse_of(parts, run) if changes else None
    with Caught() as caught:
        try:
            reply = await dispatch(parts.clock, parts.layers, run)
            reply = with_undo(reply, inverse, operation.id, parts.clock.now())
            return "done", parts.masker.reply(_complete(operation, reply))
        except Refusal as refusal:
            ambiguous = changes and _is_ambiguous(refusal)
            refused = parts.masker.reply(Reply.refused(refusal))
            return "unknown" if ambiguous else "failed", refused
    failure = unforeseen(trail, caught.error, LOOK_FIRST if changes else "")
    return "unknown", Reply.refused(failure)


def _interrupted(
    operation: Operation, run: Run, work: StoredWork, *, requested: bool
) -> tuple[OperationState, Reply | None]:
    """Return the state of a cancelled operation, and the reply if a person ``requested`` it."""
    if requested:
        return "unknown", cancelled(operation, run)
    return "running" if work.resumable else "unknown", None


def decided(reply: Reply, operation: Operation) -> Answer:
    """Return the answer about an operation: all that were asked for its approval may see it."""
    private = reply.private and not operation.approval_id
    return answer(reply, decided=operation.approval_id, private=private)


def _complete(operation: Operation, reply: Reply) -> Reply:
    """Return the reply of an operation; raises TypeError or ValueError if it cannot be stored."""
    complete = replace(reply, data={**reply.data, "operation": operation.id})
    complete.dump()
    return complete


def _is_ambiguous(refusal: Refusal) -> bool:
    """Return True if a change may have been made although it was refused."""
    if isinstance(refusal, BackendUnavailable):
        return not refusal.undone
    return isinstance(refusal, DeadlineExceeded)


async def _end(
    parts: Parts, operation: Operation, state: OperationState, reply: Reply | None, trail: Trail
) -> None:
    outcome = reply or outcome_of(replace(operation, state=state))
    event = final_event(parts, trail, outcome)
    try:
        if state == "running":
            await parts.store.yield_lease(operation.id)
            return
        trail.stored = True  # also if the store is away: it writes both when it is back
        answer = reply.dump() if reply else None
        trail.stored = await parts.store.finish(operation.id, state, answer, event)
    except StoreUnavailable:  # its end is stored when the store is back
        log.warning("%s is %s, which the store does not know yet", operation.id, state)


def _step_event(
    parts: Parts, trail: Trail, operation: Operation, step: str, outcome: str
) -> AuditEvent:
    event = trail_event(parts, trail, "step", outcome)
    return replace(event, text=step_text(parts, operation, step), targets="")


def _operation(
    parts: Parts, asked: Identified, allowed: Allowed, approval: Approval | None
) -> Operation:
    message, plan = asked.message, allowed.plan
    return Operation(
        id=f"op-{secrets.token_hex(6)}",
        person=asked.person.name,
        command_text=allowed.call.text,
        plan=json.dumps(asdict(plan)) if plan else "",
        approval_id=approval.id if approval else "",
        channel=message.channel,
        conversation=message.conversation,
        message=message.lasting().dump().decode(),
        owner=parts.store.owner,
        started=parts.clock.time(),
        idempotency_key=asked.key,
        resumable=allowed.command.resumable,
        command=allowed.call.command,
        arguments=dump_arguments(allowed.call.arguments),
    )


class StoredWork(Work):
    """Work whose steps are stored, so that another process can resume it.

    ``note`` returns the audit event of a step and what became of it. ``scopes`` are those
    that a person or a deadline cancels it by. If the ``command`` is
    resumable, it is resumed after a crash although no step was begun. It is
    ``taken_over`` when its lease ran out (the store was away, or this process was
    stopped for a while) and another process resumes it: no step is begun twice.
    """

    def __init__(
        self,
        parts: Parts,
        operation: Operation,
        progress: ProgressReporter,
        scope: anyio.CancelScope,
        *,
        command: Command,
        note: Callable[[str, str], AuditEvent],
    ) -> None:
        self.id = operation.id
        self.scopes = [scope]
        self.taken_over = False
        self._store = parts.store
        self._mask = parts.masker.text
        self._progress = progress
        self._steps: dict[str, dict[str, Any]] = json.loads(operation.steps)
        self._declared = command.resumable
        self._note = note

    @property
    def resumable(self) -> bool:
        """Whether another process may resume it."""
        return self._declared or bool(self._steps)

    @property
    def will_resume(self) -> bool:
        """True if only shutdown can have cancelled it, and another process resumes it."""
        cancelled = any(scope.cancel_called for scope in self.scopes)
        return self.taken_over or (self.resumable and not cancelled)

    async def once(self, step: str, function: Callable[[], Awaitable[Any]]) -> Any:
        """Do it, or return what it returned when it was done before."""
        stored = self._steps.get(step)
        if stored is not None and "result" in stored:
            return stored["result"]
        if stored is not None:
            raise DeadlineExceeded(
                "SmartOps was stopped in the middle, and whether it was done is unknown",
                details="It was not tried again: check the target's state before you retry.",
            )
        if not await self._store_step(step, {}):
            await self._stop()
        try:
            result = await function()
        except (BackendUnavailable, DeadlineExceeded):
            raise  # it may have been done
        except Refusal as refusal:
            del self._steps[step]
            await self._write(self._note(step, refusal.code))
            raise
        await self._store_step(step, {"result": result})
        return result

    async def progress(self, text: str, *, done: int = 0, total: int = 0) -> None:
        """Report to the person how far it is."""
        await self._progress.show(self._mask(text), done, total)

    async def _store_step(self, step: str, what: dict[str, Any]) -> bool:
        self._steps[step] = what
        return await self._write(self._note(step, "success" if what else "started"))

    async def _write(self, event: AuditEvent) -> bool:
        """Store the steps; False if another process has taken over the operation."""
        steps = json.dumps(self._steps)
        with anyio.CancelScope(shield=True):
            if await self._store.store_steps(self.id, steps, event, resumable=self.resumable):
                return True
        return False

    async def _stop(self) -> NoReturn:
        self.taken_over = True
        self.scopes[0].cancel()
        await anyio.lowlevel.checkpoint()
        raise DeadlineExceeded("Another process continues this")  # the handler is shielded


async def ended(parts: Parts, operation: Operation) -> Operation:
    """Wait for an operation to end, here or in another process, and return it."""
    while operation.state == "running" and await parts.running.wait(operation.id):
        operation = await _looked_at(parts, operation)
    return await ended_elsewhere(parts, operation)


async def ended_elsewhere(parts: Parts, operation: Operation) -> Operation:
    """Wait for an operation to end, whichever process executes it, and return it."""
    while operation.state == "running":
        await parts.clock.sleep(LOOK)
        operation = await _looked_at(parts, operation)
    return operation


async def _looked_at(parts: Parts, operation: Operation) -> Operation:
    with suppress(StoreUnavailable):
        return await parts.store.operation(operation.id) or operation
    return operation


def outcome_of(operation: Operation) -> Reply:
    """Return what is known of how an operation went."""
    if operation.answer:
        return Reply.load(operation.answer)
    if operation.state == "running":
        text = f"Under way: {operation.command_text} ({operation.id})"
        data = {"operation": operation.id, "state": operation.state}
        return Reply(status="pending", data=data, view=(Text(text),))
    if operation.state == "failed":  # without an answer: it was never executed
        text = f"Failed: {operation.command_text} ({operation.id})"
        return _without_answer(operation, "failed", BackendUnavailable(text, details=_NOT_BEGUN))
    return _unknown(operation, _STOPPED)


def given_up(operation: Operation, refused: Reply) -> Reply:
    """Return the outcome of an operation that was begun and may not be resumed, and why."""
    why = (refused.error.message, refused.error.details) if refused.error else ()
    return _unknown(operation, " ".join(filter(None, (_STOPPED, *why))))


def cancelled(operation: Operation, run: Run) -> Reply:
    """Return the outcome of an operation that was cancelled."""
    details = "Nothing was changed." if run.effect is Effect.READ else _PART
    error = DeadlineExceeded(f"Cancelled: {operation.command_text}", details=details)
    return _without_answer(operation, "cancelled", error)


def _unknown(operation: Operation, details: str) -> Reply:
    text = f"Outcome unknown: {operation.command_text} ({operation.id})"
    error = DeadlineExceeded(text, details=details)
    return _without_answer(operation, "unknown", error, Severity.CRITICAL)


def _without_answer(
    operation: Operation, state: str, error: Refusal, severity: Severity = Severity.WARNING
) -> Reply:
    """Return an error that all who were asked see, as it is about what they were shown."""
    view = (Text(error.message, severity=severity), Text(error.details or ""))
    data = {"operation": operation.id, "state": state}
    return Reply(status="error", data=data, view=view, error=error)

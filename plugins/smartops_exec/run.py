"""One script on its way: sent, watched until it ends or its time is up, cancelled if need be."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import anyio

from smartops import BackendUnavailable, Clock, Instance, RateLimited, Refusal, Runner, Work
from smartops.backends import Failure, RunResult, failures_of

_FIRST_PAUSE = 0.25
_PATIENCE = 5
_CANCEL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Run:
    """How it went. ``results`` are in the order of the targets, all finished.

    ``note`` says what is not certain, and is empty when everything is.
    """

    id: str
    seconds: float
    results: tuple[RunResult, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run, where, for how long, and as which act."""

    script: str
    targets: tuple[Instance, ...]
    limit: timedelta
    key: str


@dataclass(frozen=True, slots=True)
class _Look:
    """How a run stands, in the order of the targets, and which backends did not say so now."""

    results: tuple[RunResult, ...]
    missing: tuple[Failure, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether nothing more will come."""
        return all(item.finished for item in self.results)


class Watch:
    """Sends one order and follows it."""

    def __init__(self, runner: Runner, clock: Clock, poll: timedelta) -> None:
        self._runner = runner
        self._clock = clock
        self._poll = poll.total_seconds()

    async def run(self, order: Order, work: Work) -> Run:
        """Run the order to its end; what an earlier process sent is not sent again.

        Raises what the runner raises when it cannot send, or when it cannot be
        asked any more; the latter says that the outcome is unknown. If the task
        is cancelled meanwhile, the runner is asked to stop the script, unless
        this process stops and the next goes on.
        """

        async def send() -> dict[str, Any]:
            started = self._clock.time()
            run_id = await self._runner.send(
                order.script, order.targets, limit=order.limit, key=order.key
            )
            return {"run": run_id, "started": started}

        sent = await work.once("send", send)
        run_id, started = str(sent["run"]), float(sent["started"])
        try:
            look = await self._finish(run_id, order, started, work)
            note = ""
            if not look.finished:
                look, note = await self._give_up(run_id, order, look)
        except anyio.get_cancelled_exc_class():
            if not work.goes_on:
                await self._cancel_anyway(run_id)
            raise
        return Run(run_id, self._clock.time() - started, look.results, note)

    async def _finish(self, run_id: str, order: Order, started: float, work: Work) -> _Look:
        """Return the results once all are finished, or as they stand when the time is up.

        If only some of several backends can be asked any more, that is once
        their own are finished.
        """
        until = started + order.limit.total_seconds()
        look = _Look(_in_order(order, ()))
        pause, failures = _FIRST_PAUSE, 0
        while True:
            wait = min(pause, self._poll)
            try:
                look = await self._look(run_id, order, look)
                failures = failures + 1 if look.missing else 0
            except Refusal as error:
                failures += 1
                if failures >= _PATIENCE:
                    raise _lost(run_id, error) from error
                if isinstance(error, RateLimited):
                    wait = max(wait, error.retry_after or 0)
            left = until - self._clock.time()
            hopeless = failures >= _PATIENCE and _rest_finished(order, look)
            if left <= 0 or look.finished or hopeless:
                return look
            await _tell(work, look)
            await self._clock.sleep(min(wait, left))
            pause *= 2

    async def _look(self, run_id: str, order: Order, before: _Look) -> _Look:
        found = await self._runner.results(run_id)
        return _Look(_in_order(order, (*before.results, *found)), failures_of(found))

    async def _give_up(self, run_id: str, order: Order, before: _Look) -> tuple[_Look, str]:
        """Cancel what has not finished and return the last word on every target."""
        notes = [
            f"How it ended is not known where it could not be asked: {failure}."
            for failure in before.missing
        ]
        after = before
        try:
            await self._runner.cancel(run_id)
            after = await self._look(run_id, order, before)
        except Refusal as error:
            notes.append(
                f"It may still be running: that it stopped was not confirmed ({error.message})."
            )
        else:
            if not after.finished:
                notes.append("It was asked to stop, and had not stopped when this was written.")
        results = tuple(map(_timed_out, before.results, after.results))
        return _Look(results, after.missing), " ".join(notes)

    async def _cancel_anyway(self, run_id: str) -> None:
        """Ask to stop the script although this task is being cancelled, but not for ever."""
        with (
            anyio.CancelScope(shield=True),
            suppress(Refusal, TimeoutError),
            self._clock.fail_after(_CANCEL_SECONDS),
        ):
            await self._runner.cancel(run_id)


async def _tell(work: Work, look: _Look) -> None:
    done, total = sum(item.finished for item in look.results), len(look.results)
    await work.progress("Running the script", done=done, total=total if total > 1 else 0)


def _in_order(order: Order, results: Sequence[RunResult]) -> tuple[RunResult, ...]:
    """Return one result a target; what the platform does not know of yet is pending."""
    known = {item.instance_id: item for item in results}
    return tuple(known.get(item.id) or RunResult(item.id, "pending") for item in order.targets)


def _rest_finished(order: Order, look: _Look) -> bool:
    """Say whether only instances are unfinished whose backend cannot be asked."""
    away = {failure.backend for failure in look.missing}
    return all(
        result.finished or target.backend in away
        for target, result in zip(order.targets, look.results, strict=True)
    )


def _timed_out(before: RunResult, after: RunResult) -> RunResult:
    """Tell what timed out from what ended by itself while it was being cancelled."""
    if before.finished or (after.finished and after.status != "cancelled"):
        return after
    return replace(after, status="timed-out")


def _lost(run_id: str, error: Refusal) -> BackendUnavailable:
    """Return the error for a script that was sent and whose results cannot be read.

    Other refusals would say that nothing was done, or that a retry is safe.
    """
    text = f"The script was started as {run_id}; its outcome is unknown. Look before you repeat it."
    details = f"{text} {error.details}" if error.details else text
    if not isinstance(error, BackendUnavailable):
        return BackendUnavailable(error.message, details=details)
    lost = error.reworded(error.message, details)
    lost.undone = False
    return lost

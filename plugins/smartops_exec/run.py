"""One script on its way: sent, watched until it ends or its time is up, cancelled if need be."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

import anyio

from smartops import Clock, Instance, RateLimited, Refusal, Runner, RunResult

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


class Watch:
    """Sends one order and follows it."""

    def __init__(self, runner: Runner, clock: Clock, poll: timedelta) -> None:
        self._runner = runner
        self._clock = clock
        self._poll = poll.total_seconds()

    async def run(self, order: Order) -> Run:
        """Run the order to its end.

        Raises what the runner raises when it cannot send, or when it cannot be
        asked any more; the latter says that the outcome is unknown. If the task
        is cancelled meanwhile, the runner is asked to stop the script.
        """
        started = self._clock.time()
        run_id = await self._runner.send(
            order.script, order.targets, limit=order.limit, key=order.key
        )
        try:
            results = await self._finish(run_id, order, started)
            note = ""
            if not all(item.finished for item in results):
                results, note = await self._give_up(run_id, order, results)
        except anyio.get_cancelled_exc_class():
            await self._cancel_anyway(run_id)
            raise
        return Run(run_id, self._clock.time() - started, results, note)

    async def _finish(self, run_id: str, order: Order, started: float) -> tuple[RunResult, ...]:
        """Return the results once all are finished, or as they stand when the time is up."""
        until = started + order.limit.total_seconds()
        results = _in_order(order, ())
        pause, failures = _FIRST_PAUSE, 0
        while True:
            wait = min(pause, self._poll)
            try:
                results = _in_order(order, await self._runner.results(run_id))
                failures = 0
            except Refusal as error:
                failures += 1
                if failures == _PATIENCE:
                    error.details = _unknown(run_id, error.details)
                    raise
                if isinstance(error, RateLimited):
                    wait = max(wait, error.retry_after or 0)
            left = until - self._clock.time()
            if left <= 0 or all(item.finished for item in results):
                return results
            await self._clock.sleep(min(wait, left))
            pause *= 2

    async def _give_up(
        self, run_id: str, order: Order, before: tuple[RunResult, ...]
    ) -> tuple[tuple[RunResult, ...], str]:
        """Cancel what has not finished and return the last word on every target."""
        note = ""
        after = before
        try:
            await self._runner.cancel(run_id)
            after = _in_order(order, await self._runner.results(run_id))
        except Refusal as error:
            note = f"It may still be running: that it stopped was not confirmed ({error.message})."
        else:
            if not all(item.finished for item in after):
                note = "It was asked to stop, and had not stopped when this was written."
        return tuple(map(_timed_out, before, after)), note

    async def _cancel_anyway(self, run_id: str) -> None:
        """Ask to stop the script although this task is being cancelled, but not for ever."""
        with (
            anyio.CancelScope(shield=True),
            suppress(Refusal, TimeoutError),
            self._clock.fail_after(_CANCEL_SECONDS),
        ):
            await self._runner.cancel(run_id)


def _in_order(order: Order, results: Sequence[RunResult]) -> tuple[RunResult, ...]:
    """Return one result a target; what the platform does not know of yet is pending."""
    known = {item.instance_id: item for item in results}
    return tuple(known.get(item.id) or RunResult(item.id, "pending") for item in order.targets)


def _timed_out(before: RunResult, after: RunResult) -> RunResult:
    """Tell what timed out from what ended by itself while it was being cancelled."""
    if before.finished or (after.finished and after.status != "cancelled"):
        return after
    return replace(after, status="timed-out")


def _unknown(run_id: str, details: str | None) -> str:
    """Return the details of an error after sending: that it was sent matters most now."""
    text = f"The script was started as {run_id}; its outcome is unknown. Look before you repeat it."
    return f"{text} {details}" if details else text

"""One run of a script: sent, polled until it ends or times out, then cancelled if necessary."""

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
_SECOND_PAUSE = 0.5
_MAX_FAILURES = 5
_CANCEL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """The outcome of a run. ``results`` are in the order of the targets, all finished.

    ``note`` says what is uncertain, and is empty otherwise.
    """

    id: str
    seconds: float
    results: tuple[RunResult, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A script to run, its targets, its time limit, and the idempotency key."""

    script: str
    targets: tuple[Instance, ...]
    limit: timedelta
    key: str


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The results of one poll, in the order of the targets, and the backends that failed."""

    results: tuple[RunResult, ...]
    missing: tuple[Failure, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether all results are final."""
        return all(item.finished for item in self.results)


class RunMonitor:
    """Sends one request and polls for its results."""

    def __init__(self, runner: Runner, clock: Clock, poll: timedelta) -> None:
        self._runner = runner
        self._clock = clock
        self._poll = poll.total_seconds()

    async def run(self, request: RunRequest, work: Work) -> FinishedRun:
        """Run the request to its end; a resumed operation does not send the script again.

        Raises the runner's error if the script cannot be sent, or if the results
        cannot be polled any more; the latter says that the outcome is unknown. If
        the task is cancelled, the runner is asked to stop the script, unless another
        process will resume the operation.
        """

        async def send() -> dict[str, Any]:
            started = self._clock.time()
            run_id = await self._runner.send(
                request.script, request.targets, limit=request.limit, key=request.key
            )
            return {"run": run_id, "started": started}

        sent = await work.once("send", send)
        run_id, started = str(sent["run"]), float(sent["started"])
        try:
            snapshot = await self._poll_until_finished(run_id, request, started, work)
            note = ""
            if not snapshot.finished:
                snapshot, note = await self._stop(run_id, request, snapshot)
        except anyio.get_cancelled_exc_class():
            if not work.will_resume:
                await self._cancel_shielded(run_id)
            raise
        return FinishedRun(run_id, self._clock.time() - started, snapshot.results, note)

    async def _poll_until_finished(
        self, run_id: str, request: RunRequest, started: float, work: Work
    ) -> _Snapshot:
        """Poll until all results are final or the time limit has passed; return the last results.

        Stops earlier if some of several backends fail persistently and the results
        of the others are final.
        """
        until = started + request.limit.total_seconds()
        snapshot = _Snapshot(_in_order(request, ()))
        failures = 0
        while True:
            wait = self._pause(started)
            try:
                snapshot = await self._read(run_id, request, snapshot)
                failures = failures + 1 if snapshot.missing else 0
            except Refusal as error:
                failures += 1
                if failures >= _MAX_FAILURES:
                    raise _unknown_outcome(run_id, error) from error
                if isinstance(error, RateLimited):
                    wait = max(wait, error.retry_after or 0)
            left = until - self._clock.time()
            hopeless = failures >= _MAX_FAILURES and _rest_finished(request, snapshot)
            if left <= 0 or snapshot.finished or hopeless:
                return snapshot
            await _report_progress(work, snapshot)
            await self._clock.sleep(min(wait, left))

    def _pause(self, started: float) -> float:
        """Return the time until the next look: short at first, at last the polling interval."""
        elapsed = self._clock.time() - started
        pause = max(_SECOND_PAUSE, elapsed / 4) if elapsed >= _FIRST_PAUSE else _FIRST_PAUSE
        return min(pause, self._poll)

    async def _read(self, run_id: str, request: RunRequest, before: _Snapshot) -> _Snapshot:
        found = await self._runner.results(run_id)
        return _Snapshot(_in_order(request, (*before.results, *found)), failures_of(found))

    async def _stop(
        self, run_id: str, request: RunRequest, before: _Snapshot
    ) -> tuple[_Snapshot, str]:
        """Cancel the run where it has not finished, and return the final results."""
        notes = [
            f"How it ended is not known where it could not be asked: {failure}."
            for failure in before.missing
        ]
        after = before
        try:
            await self._runner.cancel(run_id)
            after = await self._read(run_id, request, before)
        except Refusal as error:
            notes.append(
                f"It may still be running: that it stopped was not confirmed ({error.message})."
            )
        else:
            if not after.finished:
                notes.append("It was asked to stop, and had not stopped when this was written.")
        results = tuple(map(_timed_out, before.results, after.results))
        return _Snapshot(results, after.missing), " ".join(notes)

    async def _cancel_shielded(self, run_id: str) -> None:
        """Cancel the run although this task is being cancelled, with a timeout."""
        with (
            anyio.CancelScope(shield=True),
            suppress(Refusal, TimeoutError),
            self._clock.fail_after(_CANCEL_SECONDS),
        ):
            await self._runner.cancel(run_id)


async def _report_progress(work: Work, snapshot: _Snapshot) -> None:
    done, total = sum(item.finished for item in snapshot.results), len(snapshot.results)
    await work.progress("Running the script", done=done, total=total if total > 1 else 0)


def _in_order(request: RunRequest, results: Sequence[RunResult]) -> tuple[RunResult, ...]:
    """Return one result for each target; targets without a result are pending."""
    known = {item.instance_id: item for item in results}
    return tuple(known.get(item.id) or RunResult(item.id, "pending") for item in request.targets)


def _rest_finished(request: RunRequest, snapshot: _Snapshot) -> bool:
    """Return whether all unfinished targets are of backends that failed."""
    failed = {failure.backend for failure in snapshot.missing}
    return all(
        result.finished or target.backend in failed
        for target, result in zip(request.targets, snapshot.results, strict=True)
    )


def _timed_out(before: RunResult, after: RunResult) -> RunResult:
    """Return the final result: timed out, unless the script ended before it was cancelled."""
    if before.finished or (after.finished and after.status != "cancelled"):
        return after
    return replace(after, status="timed-out")


def _unknown_outcome(run_id: str, error: Refusal) -> BackendUnavailable:
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

"""Remote execution by the rules of Systems Manager's Run Command."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal
from uuid import uuid4

from anyio import lowlevel

from smartops import Instance, Runner, RunResult, ValidationFailed

from .errors import RunnerUnavailable
from .journal import Entry
from .machine import Machine
from .part import Part
from .runs import Run
from .scene import Outcome

_MAX_SCRIPT = 64 * 1024
_GIVES_UP = 2.0
_A_TURN = 25


class FakeRunner(Part, Runner):
    """Scripts on the machines of a world."""

    unreachable = RunnerUnavailable

    async def send(
        self, script: str, instances: Sequence[Instance], *, limit: timedelta, key: str
    ) -> str:
        """Start a script and return the run's id; one key sends once.

        Raises RunnerUnavailable, for all, if an instance has no agent, and
        ValidationFailed for a key that has sent something else.
        """
        ids = tuple(dict.fromkeys(instance.id for instance in instances))
        await self._world.faults.before("send", ids)
        sent = ""

        def decide(now: float) -> Entry | None:
            nonlocal sent
            earlier = self._world.runs.sent_by(key) if key else None
            if earlier is not None:
                _same(earlier, script, ids)
                sent = earlier.id
                return None
            self._acceptable(script, ids, limit)
            sent = str(uuid4())
            return {
                "what": "send",
                "at": now,
                "run": sent,
                "key": key,
                "script": script,
                "ids": ids,
                "limit": limit.total_seconds(),
            }

        await self._world.change(decide)
        await self._world.faults.after("send", ids)
        return sent

    async def results(self, run_id: str) -> tuple[RunResult, ...]:
        """Return how a run stands; raises ValidationFailed for a run that is not known."""
        run = self._run(run_id)
        await self._world.faults.before("results", run.ids)
        now = self._world.settle()
        found = []
        for number, id_ in enumerate(run.ids, 1):
            result = run.ended.get(id_) or self._result(run, id_, now)
            if result.finished:
                run.ended[id_] = result
            found.append(result)
            if number % _A_TURN == 0:
                await lowlevel.checkpoint()
        await self._world.faults.after("results", run.ids)
        return tuple(found)

    async def cancel(self, run_id: str) -> None:
        """Stop a run where it has not ended; harmless if it has."""
        run = self._run(run_id)
        await self._world.faults.before("cancel", run.ids)
        await self._world.change(lambda now: {"what": "cancel", "at": now, "run": run_id})
        await self._world.faults.after("cancel", run.ids)

    def _run(self, run_id: str) -> Run:
        self._world.settle()
        run = self._world.runs.get(run_id)
        if run is None:
            raise ValidationFailed(f"There is no run {run_id}", details="InvalidCommandId")
        return run

    def _acceptable(self, script: str, ids: Sequence[str], limit: timedelta) -> None:
        if not ids:
            raise ValidationFailed("There is nothing to run the script on")
        if not script.strip() or len(script.encode()) > _MAX_SCRIPT:
            raise ValidationFailed(
                "The script cannot be sent", details="InvalidParameters: it has 1 B to 64 KiB"
            )
        if limit <= timedelta(0):
            raise ValidationFailed("The time limit must be longer than nothing")
        for machine in map(self._world.machine, ids):
            if machine.agent == "missing":
                raise RunnerUnavailable(
                    f"{machine.name or machine.id} has no SSM agent",
                    details=f"InvalidInstanceId: {machine.id} is not registered with SSM",
                )

    def _result(self, run: Run, id_: str, now: float) -> RunResult:
        machine = self._world.index.by_id.get(id_)
        if machine is None:
            return RunResult(id_, "unreachable")
        if not machine.answers_at(run.at):
            return _unreached(run, id_, now)
        outcome = self._world.scripts.run(run.script, machine, run.begins(machine))
        return _standing(run, machine, outcome, now, self._world.output_limit)


def _standing(
    run: Run, machine: Machine, outcome: Outcome, now: float, limit: int | None
) -> RunResult:
    """Return how a run stands on a machine that it reached."""
    begins = run.begins(machine)
    ends = begins + min(outcome.seconds, run.limit)
    broken: list[tuple[float, Literal["cancelled", "unreachable"]]] = []
    if run.cancelled is not None and run.cancelled < ends:
        broken.append((run.cancelled, "cancelled"))
    lost = machine.lost_between(run.at, min(now, ends))
    if lost is not None:
        broken.append((lost, "unreachable"))
    if broken:
        at, status = min(broken)
        return RunResult(machine.id, status, seconds=_since(begins, at))
    if now < ends:
        waits = now < begins
        return RunResult(machine.id, "pending" if waits else "running", seconds=_since(begins, now))
    if outcome.seconds > run.limit:
        return RunResult(machine.id, "timed-out", seconds=run.limit)
    return _ended(machine.id, outcome, limit)


def _ended(id_: str, outcome: Outcome, limit: int | None) -> RunResult:
    output, errors = outcome.output[:limit], outcome.errors[:limit]
    return RunResult(
        instance_id=id_,
        status="failed" if outcome.exit_code else "success",
        exit_code=outcome.exit_code,
        output=output,
        errors=errors,
        seconds=outcome.seconds,
        truncated=(output, errors) != (outcome.output, outcome.errors),
    )


def _unreached(run: Run, id_: str, now: float) -> RunResult:
    """Return how a run stands on a machine that did not answer: the platform tries for a while."""
    gives_up = run.at + min(_GIVES_UP, run.limit)
    if run.cancelled is not None and run.cancelled < gives_up:
        return RunResult(id_, "cancelled")
    return RunResult(id_, "pending" if now < gives_up else "unreachable")


def _same(earlier: Run, script: str, ids: Sequence[str]) -> None:
    if (earlier.script, earlier.ids) != (script, tuple(ids)):
        raise ValidationFailed(
            "This act has already sent another script", details="IdempotentParameterMismatch"
        )


def _since(begins: float, at: float) -> float:
    return round(max(0.0, at - begins), 3)

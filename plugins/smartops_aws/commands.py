"""Commands of SSM in progress, polled at a limited rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from cachetools import LRUCache

from smartops import ValidationFailed
from smartops.backends import RunResult

from .actions import CANCEL, COMMANDS, INVOCATIONS, OUTPUT
from .invocations import Invocation, Step, invocation, output_of
from .kit import Fault, Region
from .kit.concurrency import SingleFlight, together
from .nodes import AT_ONCE

_REMEMBERED = 64
_OUTPUT_SECONDS = 10.0
"""How long after its end a command's output is waited for, before the result is given without."""

Results = tuple[RunResult, ...]


@dataclass(slots=True)
class _Command:
    """The state of a command. ``ended`` holds final results.

    ``listed`` is when each instance was first listed as ended; its output may follow later.
    """

    id: str
    instances: tuple[str, ...] = ()
    results: Results = ()
    ended: dict[str, RunResult] = field(default_factory=dict)
    polled: float = float("-inf")
    listed: dict[str, float] = field(default_factory=dict)
    cancelled: bool = False

    @property
    def is_over(self) -> bool:
        return bool(self.instances) and len(self.ended) == len(self.instances)


class Commands:
    """The commands of one region of one account. ``poll`` is in seconds."""

    def __init__(self, region: Region, poll: float) -> None:
        self.region = region
        self._poll = poll
        self._in_flight: SingleFlight[str, Results] = SingleFlight()
        self._known: LRUCache[str, _Command] = LRUCache(_REMEMBERED)

    def sent(self, id: str, instances: Sequence[str]) -> None:
        """Store a command that was just sent: AWS may not list it for a moment."""
        command = self._command(id)
        command.instances = tuple(instances)
        command.results = tuple(RunResult(id_, "pending") for id_ in instances)
        command.polled = self.region.clock.time()

    async def results(self, id: str) -> Results:
        """Return the results of a command so far; raises ValidationFailed if it is unknown."""
        command = self._command(id)
        if command.is_over:
            return command.results
        elapsed = self.region.clock.time() - command.polled
        if command.results and 0 <= elapsed < self._poll:
            return command.results
        return await self._in_flight.do(id, partial(self._look, command))

    async def cancel(self, id: str) -> None:
        """Ask for a command to be stopped; harmless if it has ended."""
        command = self._command(id)
        if not command.is_over:
            await self.region.call(CANCEL, CommandId=id)
            command.polled = float("-inf")
            command.cancelled = True

    def _command(self, id: str) -> _Command:
        return self._known.setdefault(id, _Command(id))

    async def _look(self, command: _Command) -> Results:
        if not command.instances:
            command.instances = await self._sent_to(command.id)
        listed: dict[str, Invocation] = {}
        pages = self.region.pages(
            INVOCATIONS, CommandId=command.id, Details=True, MaxResults=AT_ONCE
        )
        async for page in pages:
            for item in page["CommandInvocations"]:
                found = invocation(item)
                listed[found.result.instance_id] = found
        results = {id_: found.result for id_, found in listed.items()}
        ending = [
            found
            for id_, found in listed.items()
            if found.result.finished and id_ not in command.ended
        ]
        for result in await together(partial(self._whole, command), ending):
            results[result.instance_id] = result
            if result.finished:
                command.ended[result.instance_id] = result
        command.polled = self.region.clock.time()
        command.results = tuple(
            command.ended.get(id_) or results.get(id_) or RunResult(id_, "pending")
            for id_ in command.instances
        )
        return command.results

    async def _sent_to(self, id: str) -> tuple[str, ...]:
        """Return the instances that a command of an earlier process was sent to."""
        answer = await self.region.call(COMMANDS, CommandId=id)
        if not answer["Commands"]:
            raise ValidationFailed(f"There is no run {id}", details="InvalidCommandId")
        return tuple(answer["Commands"][0]["InstanceIds"])

    async def _whole(self, command: _Command, found: Invocation) -> RunResult:
        """Return the result with its whole output, as far as that can be had."""
        if found.complete:
            return found.result
        outputs, errors, cut = [], [found.result.errors], False
        for step in found.steps:
            try:
                answer = await self.region.attempt(OUTPUT, 0, _asked(command.id, found, step))
            except Fault as fault:
                said = self.region.refused(fault, OUTPUT)
                return self._without_output(command, found.result, said.message)
            output, error, was_cut = output_of(answer)
            outputs.append(output)
            errors.append(error)
            cut = cut or was_cut
        return replace(
            found.result,
            output="".join(outputs),
            errors="\n".join(filter(None, errors)),
            truncated=cut,
        )

    def _without_output(self, command: _Command, result: RunResult, why: str) -> RunResult:
        """Return a running result while the output may still come, then the end without it."""
        now = self.region.clock.time()
        first = command.listed.setdefault(result.instance_id, now)
        if now - first < _OUTPUT_SECONDS and not command.cancelled:
            return replace(result, status="running", exit_code=None)
        note = f"The output cannot be read: {why}"
        return replace(
            result, errors="\n".join(filter(None, (result.errors, note))), truncated=True
        )


def _asked(id: str, found: Invocation, step: Step) -> dict[str, str]:
    asked = {"CommandId": id, "InstanceId": found.result.instance_id}
    return {**asked, "PluginName": step.name} if len(found.steps) > 1 else asked

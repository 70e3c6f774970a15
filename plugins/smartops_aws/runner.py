"""Scripts on machines, by SSM Run Command."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from anyio import CancelScope
from cachetools import LRUCache

from smartops import (
    BackendUnavailable,
    DeadlineExceeded,
    Instance,
    Refusal,
    Runner,
    ValidationFailed,
)
from smartops.backends import Failure, PartialList, RunPart, RunResult, join_parts, split_parts

from .commands import Commands
from .config import AwsConfig
from .documents import Documents, Order, Platform
from .kit import Region
from .kit.concurrency import SingleFlight, attempted
from .kit.refusals import SsmUnavailable
from .nodes import chunks, reach
from .part import Part
from .sending import Sender

_LEAST_DELIVERY = 30
_LONGEST = timedelta(hours=48)
_MAX_SCRIPT = 64 * 1024
_REMEMBERED = 256
_COMMAND = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class _Job:
    script: str
    limit: timedelta
    key: str


@dataclass(frozen=True, slots=True)
class _Sent:
    """A run of this process: what was asked, its id, and the order of its instances."""

    asked: tuple[str, tuple[str, ...]]
    run_id: str


class AwsRunner(Part, Runner):
    """Scripts on the instances of one region of one account."""

    unreachable = SsmUnavailable

    def __init__(self, region: Region, config: AwsConfig) -> None:
        super().__init__(region, config)
        self._documents = Documents(config.runner)
        self._commands = Commands(region, config.runner.poll.total_seconds())
        self._sender = Sender(region)
        self._in_flight: SingleFlight[tuple[str, object], str] = SingleFlight()
        self._sent: LRUCache[str, _Sent] = LRUCache(_REMEMBERED)

    async def send(
        self, script: str, instances: Sequence[Instance], *, limit: timedelta, key: str
    ) -> str:
        """Start a script and return the id of the run, within this process once for each key.

        Instances whose agents do not answer are unreachable in the results.
        Raises SsmUnavailable if none does, PermissionDenied if no document
        stands for the script, and DeadlineExceeded if AWS did not say whether
        it took it.
        """
        unique = tuple({item.id: item for item in instances}.values())
        _acceptable(script, unique, limit)
        asked = (script, tuple(item.id for item in unique))
        earlier = self._sent.get(key) if key else None
        if earlier is not None:
            if earlier.asked != asked:
                raise ValidationFailed("This operation has already sent another script")
            return earlier.run_id
        call = partial(self._send, _Job(script, limit, key), unique)
        run_id = await (self._in_flight.do((key, asked), call) if key else call())
        self._sent[key or run_id] = _Sent(asked, run_id)
        return run_id

    async def results(self, run_id: str) -> tuple[RunResult, ...]:
        """Return how a run stands; raises ValidationFailed for a run that is not known.

        Of a run of several commands, the results of those that were answered are
        returned; the refusal is raised if none was.
        """
        parts = _parts(run_id)
        commands = [part.run for part in parts if part.run]
        answered, refused = await attempted(self._commands.results, commands)
        if refused and not answered:
            raise refused[0]
        found = {result.instance_id: result for results in answered for result in results}
        for part in parts:
            found |= {id_: RunResult(id_, "unreachable", errors=part.why) for id_ in part.ids}
        ordered = tuple(found[id_] for id_ in self._order(run_id, found))
        missing = [Failure(self.name, error) for error in refused[:1]]
        return PartialList(ordered, missing) if missing else ordered

    async def cancel(self, run_id: str) -> None:
        """Stop a run where it has not ended; raises ValidationFailed if it is not known."""
        commands = [part.run for part in _parts(run_id) if part.run]
        _, refused = await attempted(self._commands.cancel, commands)
        if refused:
            raise refused[0]

    async def _send(self, job: _Job, instances: Sequence[Instance]) -> str:
        for platform in {item.platform for item in instances}:
            self._documents.order(job.script, platform, job.limit)  # refused before AWS is asked
        try:
            reached = await reach(self.region, instances)
        except BackendUnavailable as error:
            error.undone = True  # nothing was sent
            raise
        if not reached.online:
            raise _unreached(instances, reached.unreachable)
        parts: list[RunPart] = []
        refused: list[Refusal] = []
        with CancelScope(shield=True):  # without its id, a sent command could not be cancelled
            for platform, group in reached.online.items():
                for chunk in chunks(group):
                    name = f"{job.key}/{len(parts)}" if job.key else ""
                    parts.append(await self._send_part(job, name, platform, chunk, refused))
        if len(refused) == len(parts):
            raise _worst(refused)
        return join_parts([*parts, *_unreachable(reached.unreachable)])

    async def _send_part(
        self,
        job: _Job,
        name: str,
        platform: Platform,
        instances: Sequence[Instance],
        refused: list[Refusal],
    ) -> RunPart:
        """Send to up to 50 instances of one platform; a refusal is reported in the results."""
        ids = tuple(item.id for item in instances)
        try:
            order = self._documents.order(job.script, platform, job.limit)
            command = await self._sender.send(_request(order, ids, job.limit), name)
        except Refusal as error:
            refused.append(error)
            unknown = isinstance(error, DeadlineExceeded)
            sure = "It is not known whether it was sent" if unknown else "It was not sent"
            return RunPart(why=f"{sure}. {error.message}", ids=ids)
        self._commands.sent(command, ids)
        return RunPart(run=command)

    def _order(self, run_id: str, found: Mapping[str, RunResult]) -> Sequence[str]:
        """Return the ids in the order they were given, as far as that is remembered."""
        for sent in self._sent.values():
            if sent.run_id == run_id and found.keys() == set(sent.asked[1]):
                return sent.asked[1]
        return list(found)


def _parts(run_id: str) -> Sequence[RunPart]:
    """Return the commands of a run; raises ValidationFailed if it is not one of SSM.

    One SendCommand takes 50 instances of one platform, so a run may be several commands.
    """
    parts = split_parts(run_id)
    if any(part.backend or (part.run and not _COMMAND.fullmatch(part.run)) for part in parts):
        raise ValidationFailed(f"There is no run {run_id[:200]!r}", details="InvalidCommandId")
    return parts


def _acceptable(script: str, instances: Sequence[Instance], limit: timedelta) -> None:
    if not instances:
        raise ValidationFailed("There is nothing to run the script on")
    if not script.strip() or len(script.encode()) > _MAX_SCRIPT:
        raise ValidationFailed("The script cannot be sent", details="It has 1 B to 64 KiB")
    if not timedelta(0) < limit <= _LONGEST:
        raise ValidationFailed("The time limit is not possible", details="At most 48 hours")


def _request(order: Order, ids: Sequence[str], limit: timedelta) -> Mapping[str, Any]:
    """Return what SendCommand is given. Both its limits are set: delivery, and execution.

    One failure shall not keep the others from being tried, as it would by default.
    """
    return {
        "DocumentName": order.document,
        "Parameters": order.parameters,
        "InstanceIds": list(ids),
        "TimeoutSeconds": max(_LEAST_DELIVERY, math.ceil(limit.total_seconds())),
        "MaxConcurrency": "100%",
        "MaxErrors": "100%",
    }


def _worst(refused: Sequence[Refusal]) -> Refusal:
    """Return the refusal to raise: that something may have been sent matters most."""
    return next((error for error in refused if isinstance(error, DeadlineExceeded)), refused[0])


def _unreached(instances: Sequence[Instance], why: Mapping[str, str]) -> SsmUnavailable:
    first = instances[0]
    message, details = f"{first.label} cannot be reached to run scripts", why[first.id]
    if len(instances) > 1:
        message = f"None of {len(instances)} instances can be reached to run scripts"
        details = f"{first.label}: {details}"
    error = SsmUnavailable(message, details=details)
    error.undone = True
    return error


def _unreachable(why: Mapping[str, str]) -> Sequence[RunPart]:
    by_reason: dict[str, list[str]] = {}
    for id_, reason in why.items():
        by_reason.setdefault(reason, []).append(id_)
    return [RunPart(why=reason, ids=tuple(ids)) for reason, ids in by_reason.items()]

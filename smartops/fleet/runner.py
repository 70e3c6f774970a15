"""Scripts on the instances of several backends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from urllib.parse import quote, unquote

from smartops.backend import (
    Failure,
    Instance,
    PartialList,
    Runner,
    RunResult,
)
from smartops.errors import BackendUnavailable, ValidationFailed
from smartops.services import Clock

from .failures import refusal, undone
from .group import Group

_SAFE = "/-._~"
_MOST_WORDS = 200


@dataclass(frozen=True, slots=True)
class RunPart:
    """One part of a run: ``run`` is its id in its backend.

    Without a ``run`` it was refused, for the reason ``why``; ``ids`` are the
    instances it was meant for. A backend whose own runs have several parts
    leaves ``backend`` empty.
    """

    backend: str = ""
    run: str = ""
    why: str = ""
    ids: tuple[str, ...] = ()


class RunnerGroup(Group[Runner], Runner):
    """Runs scripts on instances of several backends, each by its own backend."""

    def __init__(self, backends: Sequence[Runner], clock: Clock) -> None:
        super().__init__(backends, clock)
        kinds = {backend.unreachable for backend in backends}
        self.unreachable = kinds.pop() if len(kinds) == 1 else BackendUnavailable

    async def send(
        self, script: str, instances: Sequence[Instance], *, limit: timedelta, key: str
    ) -> str:
        """Start a script in every backend concurrently and return one id for the whole run.

        If a backend refuses, its instances are unreachable in the results, with
        the reason. Raises the joint error if every backend refuses.
        """
        homes = self._by_member(instances)
        if not homes:
            raise ValidationFailed("There is nothing to run the script on")
        answers = await self._ask(
            {
                name: partial(self._backends[name].send, script, own, limit=limit, key=key)
                for name, own in homes.items()
                if name in self._backends
            },
            changes=True,
        )
        strangers = [_no_runner(name) for name in homes if name not in self._backends]
        failures = (*answers.failures, *strangers)
        if not answers.found:
            raise refusal(failures)
        sent = [RunPart(name, run) for name, run in answers.found.items()]
        return join_parts([*sent, *(_unsent(failure, homes) for failure in failures)])

    async def results(self, run_id: str) -> tuple[RunResult, ...]:
        """Return the results of every backend that answers.

        Raises the joint error if none answers.
        """
        parts = self._parts(run_id)
        answers = await self._ask(
            {
                part.backend: partial(self._backends[part.backend].results, part.run)
                for part in parts
                if part.run
            }
        )
        results = [item for part in answers.required() for item in part]
        results += [
            RunResult(id_, "unreachable", errors=part.why) for part in parts for id_ in part.ids
        ]
        return PartialList(results, answers.missing) if answers.missing else tuple(results)

    async def cancel(self, run_id: str) -> None:
        """Ask every backend to stop the run; raises if one could not be asked."""
        answers = await self._ask(
            {
                part.backend: partial(self._backends[part.backend].cancel, part.run)
                for part in self._parts(run_id)
                if part.run
            },
            changes=True,
        )
        if answers.failures:
            raise refusal(answers.failures)

    def _parts(self, run_id: str) -> Sequence[RunPart]:
        parts = split_parts(run_id)
        gone = [part.backend for part in parts if part.run and part.backend not in self._backends]
        if gone:
            raise ValidationFailed("There is no such run", details=f"There is no backend {gone[0]}")
        return parts


def _no_runner(name: str) -> Failure:
    return Failure(name, ValidationFailed("It runs no scripts"))


def _unsent(failure: Failure, homes: Mapping[str, Sequence[Instance]]) -> RunPart:
    ids = tuple(dict.fromkeys(instance.id for instance in homes[failure.backend]))
    sure = "It was not sent" if undone(failure) else "It is not known whether it was sent"
    return RunPart(failure.backend, why=f"{sure}. {failure}", ids=ids)


def join_parts(parts: Sequence[RunPart]) -> str:
    """Return the parts as one id: ``BACKEND:RUN,BACKEND:RUN``, or ``RUN,RUN``."""
    return ",".join(map(_written, parts))


def split_parts(run_id: str) -> tuple[RunPart, ...]:
    """Return the parts of an id; raises ValidationFailed for any other text."""
    try:
        return tuple(map(_part, run_id.split(",")))
    except ValueError:
        raise ValidationFailed(f"There is no run {run_id[:_MOST_WORDS]!r}") from None


def _written(part: RunPart) -> str:
    if part.run:
        return ":".join(map(_quoted, filter(None, (part.backend, part.run))))
    words = (part.backend, part.why[:_MOST_WORDS], *part.ids)
    return "!" + ":".join(map(_quoted, words))


def _part(text: str) -> RunPart:
    words = [unquote(word) for word in text.removeprefix("!").split(":")]
    if text.startswith("!"):
        backend, why, *ids = words
        return RunPart(backend, why=why, ids=tuple(ids))
    if len(words) > 2 or not words[-1]:
        raise ValueError("no run")
    return RunPart("".join(words[:-1]), words[-1])


def _quoted(text: str) -> str:
    return quote(text, safe=_SAFE)

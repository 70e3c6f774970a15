"""Scripts on the instances of several backends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial

from smartops.backend import (
    Failure,
    Instance,
    PartialList,
    Runner,
    RunResult,
    failures_of,
)
from smartops.errors import BackendUnavailable, ValidationFailed
from smartops.services import Clock

from .group import Group
from .runs import Part, join, split
from .telling import refusal, undone


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
        sent = [Part(name, run) for name, run in answers.found.items()]
        return join([*sent, *(_unsent(failure, homes) for failure in failures)])

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
        if answers.failures and not answers.found:
            raise refusal(answers.failures)
        results = [item for part in answers.found.values() for item in part]
        results += [
            RunResult(id_, "unreachable", errors=part.why) for part in parts for id_ in part.ids
        ]
        failures: list[Failure] = [*answers.failures]
        for found in answers.found.values():
            failures += failures_of(found)
        return PartialList(results, failures) if failures else tuple(results)

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

    def _parts(self, run_id: str) -> Sequence[Part]:
        parts = split(run_id)
        gone = [part.backend for part in parts if part.run and part.backend not in self._backends]
        if gone:
            raise ValidationFailed("There is no such run", details=f"There is no backend {gone[0]}")
        return parts


def _no_runner(name: str) -> Failure:
    return Failure(name, ValidationFailed("It runs no scripts"))


def _unsent(failure: Failure, homes: Mapping[str, Sequence[Instance]]) -> Part:
    ids = tuple(dict.fromkeys(instance.id for instance in homes[failure.backend]))
    sure = "It was not sent" if undone(failure) else "It is not known whether it was sent"
    return Part(failure.backend, why=f"{sure}. {failure}", ids=ids)

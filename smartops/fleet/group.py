"""The base of the groups of all capabilities, which asks their members concurrently."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Generic, TypeVar

import anyio

from smartops.backend import Backend, Failure, Instance, failures_of
from smartops.contained import Caught
from smartops.errors import BackendUnavailable, DeadlineExceeded, InternalError, Refusal
from smartops.services import Clock

from .failures import refusal

log = logging.getLogger("smartops.fleet")

READ_SECONDS = 20.0
"""How long a backend may take to answer a read before the reply is given without it."""

_LATER = 0.5
"""The seconds that slower backends still have once the results are enough."""

_SHARE = 0.9  # of the remaining time, so that there is time left to report who did not answer

B = TypeVar("B", bound=Backend)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answers(Generic[T]):
    """Results and failures by backend, in the order of the configuration."""

    found: Mapping[str, T]
    failures: tuple[Failure, ...]

    def required(self) -> Sequence[T]:
        """Return the results; raises the joint error if no backend answered."""
        if self.failures and not self.found:
            raise refusal(self.failures)
        return tuple(self.found.values())

    @property
    def missing(self) -> list[Failure]:
        """The failures, with those that the results themselves report."""
        within = (failure for part in self.found.values() for failure in failures_of(part))
        return [*self.failures, *within]


class Group(Backend, Generic[B]):
    """Backends of one capability, used as one. Names are unique."""

    name = "all backends"

    def __init__(self, backends: Sequence[B], clock: Clock) -> None:
        self._backends: Mapping[str, B] = {backend.name: backend for backend in backends}
        self._clock = clock

    @property
    def members(self) -> tuple[str, ...]:
        """The names of the backends, in the order of the configuration."""
        return tuple(self._backends)

    async def ping(self) -> None:
        """Return if all of them can be reached."""
        answers = await self._ask({name: item.ping for name, item in self._backends.items()})
        if answers.failures:
            raise refusal(answers.failures)

    async def _ask(
        self, calls: Mapping[str, Callable[[], Awaitable[T]]], *, changes: bool = False
    ) -> Answers[T]:
        return await ask(calls, self._clock, changes=changes)

    def _by_member(self, instances: Iterable[Instance]) -> dict[str, list[Instance]]:
        """Return the instances by the name of their backend, known or not."""
        homes: dict[str, list[Instance]] = {}
        for instance in instances:
            homes.setdefault(instance.backend, []).append(instance)
        return homes


async def ask(
    calls: Mapping[str, Callable[[], Awaitable[T]]],
    clock: Clock,
    *,
    changes: bool = False,
    enough: Callable[[], bool] = lambda: False,
) -> Answers[T]:
    """Make one call for each backend concurrently; raises nothing but cancellation.

    Reads are abandoned after a timeout; changes are awaited until shortly before the
    deadline, so that their outcome can be reported. Half a second after the results
    are ``enough``, the other calls are abandoned: they are neither results nor failures.
    """
    left = _SHARE * (anyio.current_effective_deadline() - anyio.current_time())
    limit = max(0.0, left if changes else min(left, READ_SECONDS))
    found: dict[str, T] = {}
    failed: dict[str, Refusal] = {}

    async def one(name: str, call: Callable[[], Awaitable[T]]) -> None:
        with Caught(log, "backend %s failed", name) as caught:
            try:
                with clock.fail_after(limit):
                    found[name] = await call()
                if enough():
                    rest.enter_context(clock.after(_LATER, tasks.cancel_scope.cancel))
            except Refusal as error:
                failed[name] = error
            except TimeoutError:
                failed[name] = _too_late(limit, changes=changes)
        if caught.error is not None:
            failed[name] = InternalError("Something went wrong; the log says what")

    with ExitStack() as rest:
        async with anyio.create_task_group() as tasks:
            for name, call in calls.items():
                tasks.start_soon(one, name, call)
    return Answers(
        {name: found[name] for name in calls if name in found},
        tuple(Failure(name, failed[name]) for name in calls if name in failed),
    )


def _too_late(limit: float, *, changes: bool) -> Refusal:
    within = "in time" if math.isinf(limit) else f"within {limit:.0f} seconds"
    if changes:
        return DeadlineExceeded(f"There was no answer {within}; it may or may not have happened")
    return BackendUnavailable(f"There was no answer {within}")

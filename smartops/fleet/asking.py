"""Asking several backends concurrently, each with a deadline."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import anyio

from smartops.backend import Failure
from smartops.contained import Caught
from smartops.errors import BackendUnavailable, DeadlineExceeded, InternalError, Refusal
from smartops.services import Clock

log = logging.getLogger("smartops.fleet")

PATIENCE = 20.0
"""Seconds that a backend may take to answer a read before the reply is given without it."""

_SHARE = 0.9  # of the remaining time, so that there is time left to report who did not answer

T = TypeVar("T")
Asked = Callable[[], Awaitable[T]]


@dataclass(frozen=True, slots=True)
class Answers(Generic[T]):
    """Results and failures by backend, in the order of the configuration."""

    found: Mapping[str, T]
    failures: tuple[Failure, ...]


async def ask(calls: Mapping[str, Asked[T]], clock: Clock, *, changes: bool = False) -> Answers[T]:
    """Make one call for each backend concurrently; raises nothing but cancellation.

    Reads are abandoned after a timeout. Changes are awaited for as long as leaves
    time to report their outcome.
    """
    limit = _limit(changes=changes)
    found: dict[str, T] = {}
    failed: dict[str, Refusal] = {}

    async def one(name: str, call: Asked[T]) -> None:
        with Caught(log, "backend %s failed", name) as caught:
            try:
                with clock.fail_after(limit):
                    found[name] = await call()
            except Refusal as error:
                failed[name] = error
            except TimeoutError:
                failed[name] = _too_late(limit, changes=changes)
        if caught.error is not None:
            failed[name] = InternalError("Something went wrong; the log says what")

    async with anyio.create_task_group() as tasks:
        for name, call in calls.items():
            tasks.start_soon(one, name, call)
    return Answers(
        {name: found[name] for name in calls if name in found},
        tuple(Failure(name, failed[name]) for name in calls if name in failed),
    )


def _limit(*, changes: bool) -> float:
    left = _SHARE * (anyio.current_effective_deadline() - anyio.current_time())
    return max(0.0, left if changes else min(left, PATIENCE))


def _too_late(limit: float, *, changes: bool) -> Refusal:
    within = "in time" if math.isinf(limit) else f"within {limit:.0f} seconds"
    if changes:
        return DeadlineExceeded(f"There was no answer {within}; it may or may not have happened")
    return BackendUnavailable(f"There was no answer {within}")

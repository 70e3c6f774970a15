"""Doing the same for several things at once, a bounded number at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio

from smartops import Refusal

AT_ONCE = 8

T = TypeVar("T")
R = TypeVar("R")


async def together(call: Callable[[T], Awaitable[R]], things: Sequence[T]) -> Sequence[R]:
    """Return what ``call`` returns for each thing, in order; raises the first refusal of any."""
    results: dict[int, R] = {}
    refused: list[Refusal] = []
    waiting = iter(enumerate(things))

    async def work() -> None:
        for place, thing in waiting:
            if refused:
                return
            try:
                results[place] = await call(thing)
            except Refusal as error:
                refused.append(error)

    async with anyio.create_task_group() as tasks:
        for _ in range(min(AT_ONCE, len(things))):
            tasks.start_soon(work)
    if refused:
        raise refused[0]
    return [results[place] for place in range(len(things))]

"""Calling AWS for several things at once, and once for several callers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

import anyio

from smartops import Refusal

AT_ONCE = 8

T = TypeVar("T")
R = TypeVar("R")


class _InFlight(Generic[T]):
    """A call in flight. It ends without a result or a refusal if its caller is cancelled."""

    def __init__(self) -> None:
        self.ended = anyio.Event()
        self.result: tuple[T] | None = None
        self.refusal: Refusal | None = None


class SingleFlight(Generic[T]):
    """One call for all callers that ask for the same at the same time."""

    def __init__(self) -> None:
        self._calls: dict[Hashable, _InFlight[T]] = {}

    async def do(self, key: Hashable, call: Callable[[], Awaitable[T]]) -> T:
        """Return what ``call`` returns, or what a call in flight with the same key returns."""
        while (other := self._calls.get(key)) is not None:
            await other.ended.wait()
            if other.result is not None:
                return other.result[0]
            if other.refusal is not None:
                raise other.refusal.reworded(other.refusal.message, other.refusal.details)
        own = self._calls[key] = _InFlight[T]()
        try:
            own.result = (await call(),)
            return own.result[0]
        except Refusal as error:
            own.refusal = error
            raise
        finally:
            del self._calls[key]
            own.ended.set()


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

"""Calling AWS for several things at once, and once for several callers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

import anyio

from smartops import Refusal

AT_ONCE = 8

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
R = TypeVar("R")


class _InFlight(Generic[K, T]):
    """A call in flight. It ends without results or a refusal if its caller is cancelled."""

    def __init__(self) -> None:
        self.ended = anyio.Event()
        self.results: Mapping[K, T] = {}
        self.refusal: Refusal | None = None


class SingleFlight(Generic[K, T]):
    """One call for all callers that ask for the same at the same time."""

    def __init__(self) -> None:
        self._calls: dict[K, _InFlight[K, T]] = {}

    async def do(self, key: K, call: Callable[[], Awaitable[T]]) -> T:
        """Return what ``call`` returns, or what a call in flight with the same key returns."""

        async def only(_: Sequence[K]) -> Mapping[K, T]:
            return {key: await call()}

        return (await self.batch([key], only))[key]

    async def batch(
        self, keys: Sequence[K], call: Callable[[Sequence[K]], Awaitable[Mapping[K, T]]]
    ) -> Mapping[K, T]:
        """Return a result for each key.

        ``call`` is given the keys that no call in flight is for, and returns a
        result for each. The other results are those of the calls in flight.
        """
        found: dict[K, T] = {}
        while missing := [key for key in keys if key not in found]:
            own = [key for key in missing if key not in self._calls]
            others = {self._calls[key] for key in missing if key in self._calls}
            if own:
                found |= await self._start(own, call)
            for other in others:
                await other.ended.wait()
                if other.refusal is not None:
                    raise other.refusal.reworded(other.refusal.message, other.refusal.details)
                found |= {key: other.results[key] for key in missing if key in other.results}
        return found

    async def _start(
        self, keys: Sequence[K], call: Callable[[Sequence[K]], Awaitable[Mapping[K, T]]]
    ) -> Mapping[K, T]:
        flight = _InFlight[K, T]()
        self._calls.update(dict.fromkeys(keys, flight))
        try:
            flight.results = await call(keys)
            return flight.results
        except Refusal as error:
            flight.refusal = error
            raise
        finally:
            for key in keys:
                del self._calls[key]
            flight.ended.set()


async def together(call: Callable[[T], Awaitable[R]], things: Sequence[T]) -> Sequence[R]:
    """Return what ``call`` returns for each thing, in order; raises the first refusal of any."""
    results, refused = await _attempted(call, things, stops=True)
    if refused:
        raise refused[0]
    return results


async def attempted(
    call: Callable[[T], Awaitable[R]], things: Sequence[T]
) -> tuple[Sequence[R], Sequence[Refusal]]:
    """Call for each thing, also after a refusal; returns the results, and all refusals."""
    return await _attempted(call, things, stops=False)


async def _attempted(
    call: Callable[[T], Awaitable[R]], things: Sequence[T], *, stops: bool
) -> tuple[Sequence[R], Sequence[Refusal]]:
    results: dict[int, R] = {}
    refused: list[Refusal] = []
    waiting = iter(enumerate(things))

    async def work() -> None:
        for place, thing in waiting:
            if refused and stops:
                return
            try:
                results[place] = await call(thing)
            except Refusal as error:
                refused.append(error)

    async with anyio.create_task_group() as tasks:
        for _ in range(min(AT_ONCE, len(things))):
            tasks.start_soon(work)
    return [results[place] for place in sorted(results)], refused

"""Many ask the same at once, one call answers them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from anyio import Event

from smartops import Refusal

T = TypeVar("T")


class _Flight(Generic[T]):
    """A call under way. ``landed`` without a result or a refusal: whoever made it gave up."""

    def __init__(self) -> None:
        self.landed = Event()
        self.result: tuple[T] | None = None
        self.refusal: Refusal | None = None


class Flights(Generic[T]):
    """Calls under way, by what they ask for."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[T]] = {}

    async def join(self, key: Hashable, call: Callable[[], Awaitable[T]]) -> T:
        """Return what ``call`` returns, or what the same call of somebody else is about to."""
        while (flight := self._flights.get(key)) is not None:
            await flight.landed.wait()
            if flight.result is not None:
                return flight.result[0]
            if flight.refusal is not None:
                raise flight.refusal.reworded(flight.refusal.message, flight.refusal.details)
        return await self._fly(key, call)

    async def _fly(self, key: Hashable, call: Callable[[], Awaitable[T]]) -> T:
        flight = self._flights[key] = _Flight[T]()
        try:
            result = await call()
        except Refusal as error:
            flight.refusal = error
            raise
        else:
            flight.result = (result,)
            return result
        finally:
            del self._flights[key]
            flight.landed.set()

"""The base of the groups of all capabilities: their members, and the backend of an instance."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from smartops.backend import Backend, Instance
from smartops.services import Clock

from .asking import Answers, ask
from .telling import refusal

B = TypeVar("B", bound=Backend)
T = TypeVar("T")


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

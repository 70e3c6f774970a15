"""The capability, and a backend in memory."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from smartops.backends import Backend


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm that rings, and the name of the system it is from."""

    name: str
    reason: str
    where: str


class Alarms(Backend):
    """Systems that have alarms."""

    @abstractmethod
    async def ringing(self) -> Sequence[Alarm]:
        """Return the alarms that ring now."""


class StaticAlarms(Alarms):
    """Alarms that always ring."""

    name = "static-alarms"

    def __init__(self, alarms: Sequence[Alarm]) -> None:
        self._alarms = tuple(alarms)

    async def ping(self) -> None:
        """Return: memory is always there."""

    async def ringing(self) -> Sequence[Alarm]:
        return self._alarms

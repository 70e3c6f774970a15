"""What the cloud costs: the hours that machines ran, their storage, and what grows with use."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import accumulate, pairwise

from anyio import lowlevel

from smartops import Costs, DayCost, State, ValidationFailed

from .catalogue import shape_of
from .machine import Machine
from .noise import between, salt_of
from .part import CHUNK, Part
from .world import World

_DAY = 86400.0
_HISTORY = 395
_STORAGE = 0.27  # dollars a day for 100 GB of disk, which a stopped machine pays for too
_TRAFFIC = 0.11
_WEEKEND = 0.6
_SATURDAY = 2  # 1 January 1970 was a Thursday
_LEAST = 0.3
_EPOCH = date(1970, 1, 1)

Span = tuple[float, float, float]
"""From, until, and dollars a day between."""


class FakeCosts(Part, Costs):
    """The daily bill of a world."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._salt = salt_of(world.seed, "costs")
        self._bills: dict[int, float] = {}

    async def daily(self, days: int) -> tuple[DayCost, ...]:
        """Return the last whole days (UTC); the cloud remembers 13 months."""
        await self._world.faults.before("daily")
        if days < 1:
            raise ValidationFailed("Costs are asked for at least one day")
        today = int(self._world.settle() // _DAY)
        asked = range(today - min(days, _HISTORY), today)
        if any(day not in self._bills for day in asked):
            await self._settle_bills(asked)
        currency = self._world.costs.currency
        bill = tuple(
            DayCost(_EPOCH + timedelta(day), round(self._bills[day], 2), currency) for day in asked
        )
        await self._world.faults.after("daily")
        return bill

    async def _settle_bills(self, days: range) -> None:
        """Work out what days cost. They are over, so it is worked out once."""
        ledger = _Ledger(days)
        for number, machine in enumerate(self._world.index.order[:], 1):
            if number % CHUNK == 0:
                await lowlevel.checkpoint()
            for span in _spans(machine, days.stop * _DAY):
                ledger.add(*span)
        for day, amount in zip(days, ledger.totals(), strict=True):
            self._bills.setdefault(day, amount * self._factor(day))
        for day in [day for day in self._bills if day < days.stop - _HISTORY]:
            del self._bills[day]

    def _factor(self, day: int) -> float:
        """Return what a day adds for traffic and growth; both differ from day to day."""
        weekend = (day - _SATURDAY) % 7 < 2
        traffic = 1.0 + _TRAFFIC * (_WEEKEND if weekend else 1.0)
        aged = day - self._world.founded // _DAY
        growth = max(_LEAST, 1.0 + self._world.costs.growth * aged)
        return traffic * growth * between(self._salt, day, 0.99, 1.01)


class _Ledger:
    """Sums spans per day; a long span is entered at its ends alone."""

    def __init__(self, days: range) -> None:
        self._first = days.start * _DAY
        self._count = len(days)
        self._parts = [0.0] * (self._count + 1)
        self._steps = [0.0] * (self._count + 1)

    def add(self, start: float, end: float, rate: float) -> None:
        low = max(0.0, (start - self._first) / _DAY)
        high = min(float(self._count), (end - self._first) / _DAY)
        if high <= low:
            return
        first, last = int(low), int(high)
        if first == last:
            self._parts[first] += rate * (high - low)
            return
        self._parts[first] += rate * (first + 1 - low)
        self._parts[last] += rate * (high - last)
        self._steps[first + 1] += rate
        self._steps[last] -= rate

    def totals(self) -> list[float]:
        levels = accumulate(self._steps)
        return [part + level for part, level in zip(self._parts, levels, strict=True)][
            : self._count
        ]


def _spans(machine: Machine, until: float) -> Iterator[Span]:
    shape = shape_of(machine.type)
    hourly = shape.hourly_windows if machine.platform == "windows" else shape.hourly
    rates: dict[State, float] = {"running": 24.0 * hourly + _STORAGE, "terminated": 0.0}
    for (start, state), (end, _) in pairwise((*machine.history, (until, "terminated"))):
        yield start, end, rates.get(state, _STORAGE)

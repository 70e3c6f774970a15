"""The bills of several backends, added up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import partial

from smartops.backend import Costs, DayCost, Failure, PartialList, failures_of

from .group import Group
from .telling import refusal


class CostsGroup(Group[Costs], Costs):
    """The costs of several backends together."""

    async def daily(self, days: int) -> tuple[DayCost, ...]:
        """Return the days that all answering backends have billed, oldest first.

        There is one DayCost for each day and currency. A day that one backend has
        not billed yet is left out, because its sum would be too low. Raises the
        joint error if no backend answers.
        """
        answers = await self._ask(
            {name: partial(backend.daily, days) for name, backend in self._backends.items()}
        )
        if not answers.found:
            raise refusal(answers.failures)
        failures: list[Failure] = [*answers.failures]
        for part in answers.found.values():
            failures += failures_of(part)
        total = _added(answers.found.values())
        return PartialList(total, failures) if failures else total


def _added(bills: Iterable[Sequence[DayCost]]) -> tuple[DayCost, ...]:
    sums: dict[tuple[date, str], float] = defaultdict(float)
    known: list[set[date]] = []
    for bill in bills:
        known.append({item.day for item in bill})
        for item in bill:
            sums[item.day, item.currency] += item.amount
    common = set.intersection(*known)
    return _in_order({key: amount for key, amount in sums.items() if key[0] in common})


def _in_order(sums: Mapping[tuple[date, str], float]) -> tuple[DayCost, ...]:
    return tuple(
        DayCost(day, round(amount, 2), currency) for (day, currency), amount in sorted(sums.items())
    )

"""The bill of an account, from Cost Explorer, which charges a cent for every look at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

from smartops import BackendUnavailable, Costs, ValidationFailed
from smartops.backends import DayCost

from .actions import COST
from .config import AccountConfig, CostsConfig
from .kit import Region
from .kit.concurrency import SingleFlight

UNFINISHED = 2
"""The last days that are not billed completely: today, and yesterday."""

_USUAL = 31  # asked for even if fewer are wanted: it costs the same
_HISTORY = 395
_METRIC = "UnblendedCost"


@dataclass(frozen=True, slots=True)
class _Bill:
    """A bill as it was at a moment, oldest day first."""

    at: float
    last: date
    days: tuple[DayCost, ...]


class AwsCosts(Costs):
    """The costs of one account, in all regions."""

    def __init__(self, account: AccountConfig, region: Region, config: CostsConfig) -> None:
        self.name = account.name
        self._account = account
        self.region = region
        self._config = config
        self._bill: _Bill | None = None
        self._in_flight: SingleFlight[_Bill] = SingleFlight()

    async def ping(self) -> None:
        """Return: to ask whether Cost Explorer answers would cost a cent."""

    async def daily(self, days: int) -> tuple[DayCost, ...]:
        """Return the last days that are completely billed; the latest is the day before yesterday.

        AWS remembers 13 months. A day without any use is one of 0.
        """
        if days < 1:
            raise ValidationFailed("Costs are asked for at least one day")
        days = min(days, _HISTORY)
        last = self.region.clock.now().date() - timedelta(days=UNFINISHED)
        bill = self._bill
        if bill is None or not self._good(bill, days, last):
            bill = await self._in_flight.do((days, last), partial(self._ask, days, last))
        return bill.days[-days:]

    def _good(self, bill: _Bill, days: int, last: date) -> bool:
        age = self.region.clock.time() - bill.at
        fresh = 0 <= age < self._config.cache.total_seconds()
        return fresh and bill.last == last and len(bill.days) >= days

    async def _ask(self, days: int, last: date) -> _Bill:
        first = last - timedelta(days=max(days, _USUAL) - 1)
        pages = self.region.pages(
            COST,
            TimePeriod={"Start": f"{first}", "End": f"{last + timedelta(days=1)}"},
            Granularity="DAILY",
            Metrics=[_METRIC],
            **self._filter(),
        )
        found = [_day(item) async for page in pages for item in page["ResultsByTime"]]
        if not found:
            raise BackendUnavailable(
                "There are no costs to be had", details="Cost Explorer answered with no day at all"
            )
        known = {item.day: item for item in found}
        currency = next((item.currency for item in found if item.amount), "USD")
        wanted = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        self._bill = _Bill(
            self.region.clock.time(),
            last,
            tuple(known.get(day) or DayCost(day, 0.0, currency) for day in wanted),
        )
        return self._bill

    def _filter(self) -> Mapping[str, Any]:
        """Return what keeps a management account from billing its members too."""
        if self._config.organization:
            return {}
        own = {"Key": "LINKED_ACCOUNT", "Values": [self._account.number]}
        return {"Filter": {"Dimensions": own}}


def _day(result: Mapping[str, Any]) -> DayCost:
    total = result["Total"][_METRIC]
    return DayCost(
        date.fromisoformat(result["TimePeriod"]["Start"]),
        round(float(total["Amount"]), 2),
        total["Unit"],
    )

"""The bill of an account, from Cost Explorer, which charges a cent for every look at it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial
from typing import Any

from cachetools import TTLCache

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
_CACHED = 12 * 3600.0  # AWS makes a new bill three times a day
_METRIC = "UnblendedCost"


_Days = tuple[DayCost, ...]


class AwsCosts(Costs):
    """The costs of one account, in all regions."""

    def __init__(self, account: AccountConfig, region: Region, config: CostsConfig) -> None:
        self.name = account.name
        self._account = account
        self.region = region
        self._config = config
        self._bills: TTLCache[date, _Days] = TTLCache(1, _CACHED, region.clock.time)
        self._in_flight: SingleFlight[tuple[int, date], _Days] = SingleFlight()

    async def ping(self) -> None:
        """Return: to ask whether Cost Explorer answers would cost a cent."""

    async def daily(self, days: int) -> _Days:
        """Return the last days that are completely billed; the latest is the day before yesterday.

        AWS remembers 13 months. A day without any use is one of 0.
        """
        if days < 1:
            raise ValidationFailed("Costs are asked for at least one day")
        days = min(days, _HISTORY)
        last = self.region.clock.now().date() - timedelta(days=UNFINISHED)
        bill = self._bills.get(last, ())
        if len(bill) < days:
            bill = await self._in_flight.do((days, last), partial(self._ask, days, last))
        return bill[-days:]

    async def _ask(self, days: int, last: date) -> _Days:
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
        bill = tuple(known.get(day) or DayCost(day, 0.0, currency) for day in wanted)
        self._bills[last] = bill
        return bill

    def _filter(self) -> Mapping[str, Any]:
        """Return the filter that excludes the members of a management account."""
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

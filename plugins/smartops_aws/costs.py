"""The bill of an account, from Cost Explorer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

from smartops import BackendUnavailable, Costs, KeyValueStore, ValidationFailed
from smartops.backends import DayCost

from .actions import COST
from .bills import Bill, Bills
from .config import AccountConfig, CostsConfig
from .kit import Region
from .kit.concurrency import SingleFlight
from .part import AwsBackend

UNFINISHED = 2
"""The last days that are not billed completely: today, and yesterday."""

_USUAL = 62  # asked for even if fewer are wanted: it costs the same
_HISTORY = 395
_MOST_AMOUNTS = 5000  # in a bill, so that the key-value store takes it
_METRIC = "UnblendedCost"
_OTHERS = "others"


class AwsCosts(AwsBackend, Costs):
    """The costs of one account, in all regions."""

    def __init__(
        self,
        account: AccountConfig,
        region: Region,
        config: CostsConfig,
        store: KeyValueStore | None,
    ) -> None:
        self.name = account.name
        self._account = account
        self.region = region
        self._config = config
        per_day = config.requests_per_day
        self._bills = Bills(store, region.clock, account.name, per_day) if store else None
        self._in_flight: SingleFlight[tuple[str, int], Bill] = SingleFlight()

    async def ping(self) -> None:
        """Return: to ask whether Cost Explorer answers would cost a cent."""

    async def daily(self, days: int, by: str = "") -> tuple[DayCost, ...]:
        """Return the last days that are completely billed; the latest is the day before yesterday.

        AWS remembers 13 months. A day without any use is one of 0.
        """
        if days < 1:
            raise ValidationFailed("Costs are asked for at least one day")
        assert self._bills is not None
        days = min(days, _HISTORY)
        question = self._question(by)
        ask = partial(self._ask, question, max(days, _USUAL))
        bill = await self._in_flight.do(
            (question, days), partial(self._bills.bill, question, days, ask)
        )
        groups = bill.groups
        if by in ("", "account") and question == "service":
            total = tuple(round(sum(amounts), 2) for amounts in zip(*groups.values(), strict=True))
            groups = {self.name if by else "": total}
        return tuple(
            DayCost(bill.first + timedelta(days=day), amounts[day], bill.currency, group)
            for day in range(bill.days - days, bill.days)
            for group, amounts in groups.items()
        )

    def _question(self, by: str) -> str:
        """Return by what Cost Explorer is asked to group; the total is the sum over services."""
        if by in ("", "service") or (by == "account" and not self._config.organization):
            return "service"
        if by in ("account", "region") or by.startswith("tag:"):
            return by
        raise ValidationFailed(f"Costs are not grouped by {by}")

    async def _ask(self, question: str, days: int) -> Bill:
        last = self.region.clock.now().date() - timedelta(days=UNFINISHED)
        first = last - timedelta(days=days - 1)
        pages = self.region.pages(
            COST,
            TimePeriod={"Start": f"{first}", "End": f"{last + timedelta(days=1)}"},
            Granularity="DAILY",
            Metrics=[_METRIC],
            GroupBy=[_group_by(question)],
            **self._filter(),
        )
        return await _bill(pages, first, days)

    def _filter(self) -> Mapping[str, Any]:
        """Return the filter that excludes the members of a management account."""
        if self._config.organization:
            return {}
        own = {"Key": "LINKED_ACCOUNT", "Values": [self._account.number]}
        return {"Filter": {"Dimensions": own}}


def _group_by(question: str) -> Mapping[str, str]:
    kind, _, key = question.partition(":")
    if key:
        return {"Type": "TAG", "Key": key}
    names = {"service": "SERVICE", "account": "LINKED_ACCOUNT", "region": "REGION"}
    return {"Type": "DIMENSION", "Key": names[kind]}


async def _bill(pages: AsyncIterable[Mapping[str, Any]], first: date, days: int) -> Bill:
    groups: defaultdict[str, list[float]] = defaultdict(lambda: [0.0] * days)
    currency, answered = "", False
    async for page in pages:
        for result in page["ResultsByTime"]:
            answered = True
            day = (date.fromisoformat(result["TimePeriod"]["Start"]) - first).days
            for name, cost in _amounts(result):
                groups[name][day] += float(cost["Amount"])
                currency = currency or cost["Unit"]
    if not answered:
        raise BackendUnavailable(
            "There are no costs available", details="Cost Explorer answered with no day at all"
        )
    amounts = {name: tuple(round(amount, 2) for amount in of) for name, of in groups.items()}
    used = {name: of for name, of in amounts.items() if any(of)} or {"": (0.0,) * days}
    return Bill(first=first, days=days, currency=currency or "USD", groups=_fitting(used, days))


def _amounts(result: Mapping[str, Any]) -> Sequence[tuple[str, Mapping[str, str]]]:
    """Return what a day cost by group; a tag's groups are written ``KEY$VALUE``."""
    if groups := result.get("Groups"):
        return [
            (group["Keys"][0].partition("$")[2] or "(no tag)", group["Metrics"][_METRIC])
            if "$" in group["Keys"][0]
            else (group["Keys"][0], group["Metrics"][_METRIC])
            for group in groups
        ]
    return [("", total)] if (total := result.get("Total", {}).get(_METRIC)) else []


def _fitting(groups: Mapping[str, Sequence[float]], days: int) -> dict[str, tuple[float, ...]]:
    """Return the groups that cost most, and the sum of the others if there are too many."""
    ordered = sorted(groups, key=lambda name: -sum(groups[name]))
    most = max(1, _MOST_AMOUNTS // days)
    found = {name: tuple(groups[name]) for name in ordered[:most]}
    if rest := [groups[name] for name in ordered[most:]]:
        found[_OTHERS] = tuple(round(sum(amounts), 2) for amounts in zip(*rest, strict=True))
    return found

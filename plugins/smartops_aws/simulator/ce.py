"""Cost Explorer: what the days cost."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from .answers import AwsError
from .incidents import Bill
from .request import Request

_METRICS = (
    "AmortizedCost",
    "BlendedCost",
    "NetAmortizedCost",
    "NetUnblendedCost",
    "NormalizedUsageAmount",
    "UnblendedCost",
    "UsageQuantity",
)
_HISTORY = 400
_WEEK = 7


def get_cost_and_usage(request: Request) -> dict[str, Any]:
    """Return what each day or month cost, whole or by service."""
    params = request.params
    today = request.moment.date()
    start, end = _period(params, today)
    for each in params["Metrics"]:
        if each not in _METRICS:
            raise _invalid(f"Invalid Metrics value: {each}")
    groups = params.get("GroupBy", ())
    if len(groups) > 2:
        raise _invalid("GroupBy has more than two keys")
    steps = list(_steps(params["Granularity"], start, end))
    results = [_result(request, first, last, today, groups) for first, last in steps]
    answer: dict[str, Any] = {"ResultsByTime": results, "DimensionValueAttributes": []}
    return answer | ({"GroupDefinitions": list(groups)} if groups else {})


def _period(params: Mapping[str, Any], today: date) -> tuple[date, date]:
    given = params["TimePeriod"]
    try:
        start, end = (date.fromisoformat(given[each]) for each in ("Start", "End"))
    except ValueError:
        raise _invalid("Start time and end time must be in the format yyyy-MM-dd") from None
    if start >= end:
        raise _invalid("Start date (and hour) should be before end date (and hour)")
    if start < today - timedelta(days=_HISTORY):
        raise _invalid("You haven't enabled historical data beyond 14 months")
    return start, end


def _steps(granularity: str, start: date, end: date) -> Iterator[tuple[date, date]]:
    if granularity == "HOURLY":
        raise AwsError("AccessDeniedException", "You haven't enabled hourly granularity")
    at = start
    while at < end:
        if granularity == "DAILY":
            following = at + timedelta(days=1)
        else:
            following = (at.replace(day=1) + timedelta(days=32)).replace(day=1)
        yield at, min(following, end)
        at = following


def _result(
    request: Request,
    first: date,
    last: date,
    today: date,
    groups: Sequence[Mapping[str, str]],
) -> dict[str, Any]:
    days = [first + timedelta(days=n) for n in range((last - first).days)]
    shares = _shares(request, groups)
    amounts = [
        (keys, sum(_amount(request, share, day, today) for day in days)) for keys, share in shares
    ]
    metrics = request.params["Metrics"]
    total = sum(amount for _, amount in amounts)
    return {
        "TimePeriod": {"Start": f"{first}", "End": f"{last}"},
        "Total": {} if groups else _told(metrics, total),
        "Groups": [
            {"Keys": list(keys), "Metrics": _told(metrics, amount)} for keys, amount in amounts
        ]
        if groups
        else [],
        "Estimated": last > today - timedelta(days=1),
    }


def _amount(request: Request, share: Mapping[str, float], day: date, today: date) -> float:
    accounts = request.cloud.scenario.accounts
    return sum(
        part * cost(accounts[account].costs, account, day, today) for account, part in share.items()
    )


def cost(bill: Bill, account: str, day: date, today: date) -> float:
    """Return what a day costs; a day to come costs nothing, and today is half over."""
    if day > today:
        return 0.0
    if day in bill.days:
        return bill.days[day]
    weeks = (today - day).days / _WEEK
    amount = bill.daily / float((1 + bill.growth) ** weeks)
    if day.weekday() >= 5:
        amount *= bill.weekend
    stray = zlib.crc32(f"{account}/{day}".encode()) / 0xFFFFFFFF - 0.5
    return amount * (1 + 0.02 * stray) * (0.5 if day == today else 1.0)


def _shares(
    request: Request, groups: Sequence[Mapping[str, str]]
) -> list[tuple[tuple[str, ...], Mapping[str, float]]]:
    """Return the keys of each group, and the share that it has of each account's bill."""
    accounts = request.cloud.scenario.accounts
    own = request.world.account
    if not accounts[own].management:
        accounts = {own: accounts[own]}
    keep = request.params.get("Filter", {})
    found: dict[tuple[str, ...], dict[str, float]] = {} if groups else {(): {}}
    for account, settings in accounts.items():
        for service, share in settings.costs.services.items():
            place = {"LINKED_ACCOUNT": account, "SERVICE": service}
            if not _passes(keep, place):
                continue
            keys = tuple(_key(each, place) for each in groups)
            shares = found.setdefault(keys, {})
            shares[account] = shares.get(account, 0.0) + share
    return sorted(found.items())


def _key(group: Mapping[str, str], place: Mapping[str, str]) -> str:
    if group.get("Type") != "DIMENSION" or group.get("Key") not in place:
        raise _invalid(f"This look-alike does not group by {group.get('Key')}")
    return place[group["Key"]]


def _passes(keep: Mapping[str, Any], place: Mapping[str, str]) -> bool:
    if "And" in keep:
        return all(_passes(each, place) for each in keep["And"])
    if "Or" in keep:
        return any(_passes(each, place) for each in keep["Or"])
    if "Not" in keep:
        return not _passes(keep["Not"], place)
    dimension = keep.get("Dimensions")
    if dimension is None:
        return True
    if dimension["Key"] == "RECORD_TYPE":
        return "Usage" in dimension["Values"]
    if dimension["Key"] not in place:
        raise _invalid(f"This look-alike does not filter by {dimension['Key']}")
    return place[dimension["Key"]] in dimension["Values"]


def _told(metrics: Sequence[str], amount: float) -> dict[str, Any]:
    return {
        each: {
            "Amount": f"{amount:.10f}",
            "Unit": "N/A" if each in ("UsageQuantity", "NormalizedUsageAmount") else "USD",
        }
        for each in metrics
    }


def _invalid(text: str) -> AwsError:
    return AwsError("ValidationException", text)


OPERATIONS: Mapping[str, Callable[[Request], Mapping[str, Any]]] = {
    "GetCostAndUsage": get_cost_and_usage,
}
